"""Where in its code a body waits for something: for people who look for a divergence.

asyncio shows of a task that waits only its outermost frame; what it awaits leads farther in.
"""

import asyncio
import traceback
from collections.abc import Iterable
from types import CoroutineType, FrameType
from typing import Any

from perdure.sagas.requests import Request, TimerRequest

NOT_THE_USER_S = ("asyncio.", "perdure.")


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


def stacks_of(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """Where each of these tasks is, as in a traceback."""
    frames = (frame for task in tasks for frame in task.get_stack())
    return "".join(line for frame in frames for line in traceback.format_stack(frame, limit=1))


def line_of_task(task: asyncio.Task[Any]) -> str:
    """The innermost line of the user's code where this task is; empty when it has ended."""
    running: Any = task.get_coro()
    found: FrameType | None = None
    while isinstance(running, CoroutineType):
        frame = running.cr_frame
        if frame is not None:
            name = str(frame.f_globals.get("__name__"))
            found = frame if found is None or not name.startswith(NOT_THE_USER_S) else found
        running = running.cr_await
    return "" if found is None else f"{found.f_code.co_filename}:{found.f_lineno}"
