"""What the Makefile runs: environments, the tests on other Pythons, the pin of the public names.

Standard library only, on Python 3.11 or later: these run before anything is installed.
"""
