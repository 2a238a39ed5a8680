"""Small mistakes in our own code, each made for a while by patching one name.

They are the mistakes that a careful person might make; `python -m tests.simulation.mutants` shows
by which check each of them is caught, and how many worlds that takes.
"""
