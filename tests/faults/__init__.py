"""Real processes that are killed, crashes at every append, and mutants of our own code."""
