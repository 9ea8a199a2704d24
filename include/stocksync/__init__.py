"""stock-sync: compares the stock in PostgreSQL with the counters in Redis, and restores or reports differences."""
