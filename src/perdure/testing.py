"""The testing kit: sagas in tests, without waiting and without the world outside."""

from perdure.infrastructure.errors import BadFake, NoFake
from perdure.infrastructure.simulation.jumping import CannotJump
from perdure.infrastructure.simulation.machine import NothingWillHappen
from perdure.infrastructure.simulation.virtual_engine import VirtualEngine, engine, run

__all__ = ["BadFake", "CannotJump", "NoFake", "NothingWillHappen", "VirtualEngine", "engine", "run"]
