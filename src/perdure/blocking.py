"""Perdure for callers without an event loop: `perdure.blocking.connect(url)`."""

from perdure.infrastructure.blocking import Client, Handle, connect

__all__ = ["Client", "Handle", "connect"]
