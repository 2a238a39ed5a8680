"""Our own simulator: seeded worlds of runners, customers and faults, on the engine of production.

`python -m tests.simulation` plays any number of seeds; `mutants` shows that it finds mistakes.
"""
