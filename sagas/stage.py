"""The stage: by which functions activities are performed, and in which threads.

In production these are the functions that were declared, and threads of our own. A testing kit lets
stand-ins perform, and threads that take no real time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from perdure.sagas.activity import Activity
from perdure.sagas.compensation import Compensation
from perdure.sagas.probe import Probe
from perdure.sagas.threads import Begun, Done, Threads, Work

Runnable: TypeAlias = Activity[..., Any] | Compensation[..., Any] | Probe


class Pool(Protocol):
    """Threads for sync functions; perdure.sagas.threads has the real ones."""

    def run(self, work: Work, done: Done, begun: Begun | None = None) -> None:
        """Runs `work` as soon as it can; `begun()` and then `done(...)` are called on the loop."""
        ...

    def close(self) -> None:
        """What has not begun never will."""
        ...


class StandIn(NamedTuple):
    """What is called instead of a declared function, with the same arguments by name."""

    function: Callable[..., Any]
    is_async: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """See the module. `stand_in` is asked before every attempt; None: the declared function."""

    pool: Callable[[int, asyncio.AbstractEventLoop], Pool] = Threads
    stand_in: Callable[[Runnable], StandIn | None] | None = None
