"""Programs that never outlive the process that asked for them, and the folder each run keeps them in."""
