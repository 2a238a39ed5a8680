"""The demo's shop and its audit, tried without an engine."""
