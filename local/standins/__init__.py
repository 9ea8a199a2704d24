"""Stand-ins for services on the internet, which answer by those services' rules and fail when told to."""
