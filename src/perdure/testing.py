"""The testing kit: prove that a saga ends all-or-nothing, and that what is recorded replays."""

from perdure.infrastructure.errors import HistoryNotUsable
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

__all__ = [
    "History",
    "HistoryNotUsable",
    "abandons",
    "activity_failed",
    "activity_gave_up",
    "activity_succeeded",
    "asks_for",
    "asks_nothing",
    "assert_replays",
    "cancelled",
    "ends_cancelled",
    "ends_with",
    "fails_exhausted",
    "fails_with",
    "given",
    "passed_version",
    "raises",
    "resumed",
    "sets_timer",
    "suspends",
    "timer_fired",
    "undoes",
]
