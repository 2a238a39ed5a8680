"""The journal in one SQLite file: the default, for one engine at a time."""
