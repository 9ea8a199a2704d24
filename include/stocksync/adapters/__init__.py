"""Native clients behind the ports."""
