"""Our own simulator: seeded worlds of runners, customers and faults, on the engine of production.

`python -m tests.simulation` plays as many seeds as one likes; `mutants` shows that it finds mistakes.
"""
