"""The one place where objects are put together."""
