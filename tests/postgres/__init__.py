"""A real PostgreSQL server for the tests, and what can go wrong with one and on the way to it."""
