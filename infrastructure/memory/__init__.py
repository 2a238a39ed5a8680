"""The journal in memory: the readable specification of the port, for tests and simulations."""
