"""The testing kit: an engine in time that jumps, single activations, and proofs of a whole saga.

Here are its public names; what they mean stands where they are defined. `check_workflow` needs the
extra `testing`, the rest does not.
"""

from perdure.infrastructure.errors import BadFake, HistoryNotUsable, NoFake
from perdure.infrastructure.histories.document import History
from perdure.infrastructure.histories.replays import assert_replays
from perdure.infrastructure.scenarios.expectations import (
    abandons,
    asks_for,
    asks_nothing,
    ends_cancelled,
    ends_with,
    fails_exhausted,
    fails_with,
    raises,
    sets_timer,
    suspends,
    undoes,
)
from perdure.infrastructure.scenarios.given import given
from perdure.infrastructure.scenarios.happenings import (
    activity_failed,
    activity_gave_up,
    activity_succeeded,
    cancelled,
    passed_version,
    resumed,
    timer_fired,
)
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
    "History",
    "HistoryNotUsable",
    "NoFake",
    "NothingWillHappen",
    "Violation",
    "VirtualEngine",
    "abandons",
    "activity_failed",
    "activity_gave_up",
    "activity_succeeded",
    "asks_for",
    "asks_nothing",
    "assert_replays",
    "cancelled",
    "check_workflow",
    "ends_cancelled",
    "ends_with",
    "engine",
    "fails_exhausted",
    "fails_with",
    "given",
    "passed_version",
    "raises",
    "resumed",
    "run",
    "sets_timer",
    "suspends",
    "timer_fired",
    "undoes",
]
