"""Branches whose order chance decides: the tasks that asyncio.as_completed makes of coroutines.

It puts the coroutines into a set, where their addresses order them. A replay tells requests that
differ apart; of two that are alike and asked for in one feed nobody can say which branch asked for
which. Those are refused. Tasks are ordered: a body's have hashes of their own.
"""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from perdure.sagas.errors import AlikeBranches
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest

if TYPE_CHECKING:
    from perdure.sagas.loop import BodyLoop

TASKS = vars(asyncio.tasks)
MAKERS = ("as_completed", "_AsCompletedIterator")


def branch_of(loop: "BodyLoop", ordinal: int) -> int:
    """The branch of a task that is being made: its own, its parent's, or 0. For create_task."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals is TASKS:
        if frame.f_code.co_qualname.startswith(MAKERS):
            loop.unordered = loop.unordered or Unordered()
            return ordinal
        frame = frame.f_back
    return 0 if loop.unordered is None else _current(loop)


class Unordered:
    """What the unordered branches of one body have asked for in this feed."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: dict[object, tuple[Request, int]] = {}

    def check(self, loop: "BodyLoop", request: Request) -> None:
        """Blocks the body when another branch has asked for the same in this feed."""
        if len(loop.requests) == 1:  # the first of this feed
            self._asked.clear()
        branch = _current(loop)
        if not branch or isinstance(request, SuspendRequest):
            return
        if isinstance(request, ActivityRequest):
            key: object = (request.activity.name, request.arguments)
            what = f"activity {request.activity.name}"
        else:
            key, what = request.due, "a timer"
        other, another_branch = self._asked.setdefault(key, (request, branch))
        if another_branch != branch and other.open:
            loop.block(AlikeBranches(loop.execution_id, what))


def _current(loop: "BodyLoop") -> int:
    task: Any = asyncio.current_task(loop)
    return task.branch if task is not None else 0
