"""The outside: journals, codec, clock, command line, and the composition root that joins the parts.

Everything that reads a file, a socket, an environment variable or a clock is here. No rules are.
"""
