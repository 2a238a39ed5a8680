"""An empty world, and a journal of each kind: as for the engine's tests."""

from tests.engine.conftest import _empty_world, memory, place

__all__ = ["_empty_world", "memory", "place"]
