"""Real processes that are killed, and crashes at every append."""
