"""Where in its code a body waits for something, and for what, in words: for people who ask.

asyncio shows of a task that waits only its outermost frame; what it awaits leads farther in.
"""

import asyncio
import traceback
from collections.abc import Iterable
from types import CoroutineType, FrameType
from typing import Any

from perdure.sagas.body_task import BodyTask
from perdure.sagas.requests import Answer, Request, TimerRequest

NOT_THE_USER_S = ("asyncio", "perdure")
JOINS = ("TaskGroup.", "wait", "_wait")
COMPLETING = ("as_completed.", "_AsCompletedIterator.")  # over a queue of their own
JOINT_FUTURES = (asyncio.Task, vars(asyncio.tasks)["_GatheringFuture"])
WAITS_TOLD = 3


def line_of(request: Request) -> str:
    """The line that waits for this request, as file:line; empty when no task does."""
    if isinstance(request, TimerRequest):
        loop, waited = request.handle.loop, request.handle.future
    else:
        loop, waited = request.body_loop, request
    for task in loop.tasks:
        if waited is not None and task._fut_waiter is waited:
            return line_of_task(task)
    return ""


def line_of_task(task: asyncio.Task[Any]) -> str:
    """The innermost line of the user's code where this task is; empty when it has ended."""
    frames = _frames(task.get_coro())
    users = [frame for frame in frames if _module(frame) not in NOT_THE_USER_S]
    return _place(users[-1] if users else frames[0]) if frames else ""


def stacks_of(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """Where each of these tasks is, as in a traceback."""
    frames = (frame for task in tasks for frame in task.get_stack())
    return "".join(line for frame in frames for line in traceback.format_stack(frame, limit=1))


def waits_within(tasks: Iterable[BodyTask]) -> list[str]:
    """What these wait for that is no request, like "asyncio.Event.wait at orders.py:12".

    A task that waits for another one is told of only where none waits for anything else.
    """
    ends, joins = dict[str, None](), dict[str, None]()
    for task in tasks:
        waited = task._fut_waiter
        if task.done() or isinstance(waited, Answer):
            continue
        frames = _frames(task.get_coro())
        names = [each.f_code.co_qualname for each in frames if _module(each) == "asyncio"]
        name = names[-1] if names and _module(frames[-1]) == "asyncio" else ""
        users = [frame for frame in frames if _module(frame) not in NOT_THE_USER_S]
        at = f" at {_place(users[-1])}" if users else ""
        joining = name.startswith(JOINS) or any(each.startswith(COMPLETING) for each in names)
        if joining or isinstance(waited, JOINT_FUTURES):
            joins[f"other tasks{at}"] = None
        else:
            ends[(f"asyncio.{name}" if name else "a future") + at] = None
    told = list(ends or joins)
    left = len(told) - WAITS_TOLD
    return [*told[:WAITS_TOLD], f"{left} more"] if left > 0 else told


def _frames(running: Any) -> list[FrameType]:
    """Of a coroutine that waits and of what it waits for, the innermost last."""
    frames = []
    while isinstance(running, CoroutineType):
        if running.cr_frame is not None:
            frames.append(running.cr_frame)
        running = running.cr_await
    return frames


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
