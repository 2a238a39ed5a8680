"""Leaving a body: what is thrown into its coroutines and generators, until they end.

Some end at once, some await in a `finally`; their loop raises the same there: no effect.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

DISMISSAL_THROWS_LIMIT = 100


class ExecutionDismissed(BaseException):
    """Raised at every await of a body that is left; user code must not swallow it."""


@contextmanager
def as_current(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Iterator[None]:
    """Lets asyncio know whose code runs: a group or a timeout asks, and raises where nobody is."""
    if sys.version_info < (3, 12):
        asyncio.tasks._enter_task(loop, task)
        try:
            yield
        finally:
            asyncio.tasks._leave_task(loop, task)
    else:
        swap: Any = asyncio.tasks._swap_current_task  # type: ignore[attr-defined]
        before = swap(loop, task)
        try:
            yield
        finally:
            swap(loop, before)


def throw_out(throw: Callable[[BaseException], object]) -> bool:
    """Throws ExecutionDismissed into a coroutine until it ends; False if it never does."""
    for _ in range(DISMISSAL_THROWS_LIMIT):
        try:
            throw(ExecutionDismissed())
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever a body that is left still raises has no effect
            return True
    return False


def close_generator(generator: AsyncGenerator[Any, Any]) -> bool:
    """As throw_out, for an async generator that began and is not exhausted."""
    closing = generator.athrow(ExecutionDismissed())
    try:
        closing.send(None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        return True
    return throw_out(closing.throw)
