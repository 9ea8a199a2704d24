"""The day in one message."""
