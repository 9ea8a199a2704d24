"""How fast it is, against the floor of the machine it runs on: `make bench`."""
