"""Histories that each Python recorded, to be made and replayed again by all of them."""
