"""A world in one thread: processes, their storage, messages and clocks, all in virtual time.

Production's own engine runs in it, on the ports that it runs on anyhow. `perdure.testing` is made
of it, and our own simulator.
"""
