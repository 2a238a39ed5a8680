"""One command line, `python -m benchmarks`; docs/how_to/measure.md explains its figures.

They use Perdure as a user would, and judge nothing: targets stand in the document, beside figures.
"""
