"""The testing kit: an engine in time that jumps, and the proof that a saga ends all-or-nothing.

Here are its public names; what they mean stands where they are defined. The proof needs the extra
`testing`, the engine does not.
"""

from perdure.infrastructure.errors import BadFake, NoFake
from perdure.infrastructure.simulation.checking import check_workflow
from perdure.infrastructure.simulation.jumping import CannotJump
from perdure.infrastructure.simulation.machine import NothingWillHappen
from perdure.infrastructure.simulation.trial import Ending
from perdure.infrastructure.simulation.violation import Violation
from perdure.infrastructure.simulation.virtual_engine import VirtualEngine, engine, run

__all__ = [
    "BadFake",
    "CannotJump",
    "Ending",
    "NoFake",
    "NothingWillHappen",
    "Violation",
    "VirtualEngine",
    "check_workflow",
    "engine",
    "run",
]
