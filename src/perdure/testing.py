"""The testing kit: prove that a saga ends all-or-nothing, and that what is recorded replays."""

from perdure.infrastructure.errors import HistoryNotUsable
from perdure.infrastructure.histories.document import History
from perdure.infrastructure.histories.replays import assert_replays

__all__ = ["History", "HistoryNotUsable", "assert_replays"]
