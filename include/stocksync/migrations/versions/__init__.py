"""A module a version, in order; each is one step from the one before."""
