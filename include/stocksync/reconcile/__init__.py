"""Comparing the two stores and restoring small differences, with nothing lost on the way."""
