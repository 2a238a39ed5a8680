"""The journals: one contract for all of them, the library's own cases, and SQLite's real faults."""
