"""Scheduled calls on a body's loop: plain ones, and those that are durable timers.

They stand for asyncio.Handle, which is costlier and tied to asyncio's own loop.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from perdure.sagas.requests import TimerRequest, round_up_to_milliseconds

if TYPE_CHECKING:
    from perdure.sagas.loop import BodyLoop


class Callback:
    """A call that is ready, or will be."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def run(self) -> None:
        if not self._cancelled:
            self._context.run(self._callback, *self._args)


class TimerCallback(Callback):
    """A scheduled call that is a durable timer."""

    __slots__ = ("_when", "loop", "request")

    def __init__(
        self,
        loop: "BodyLoop",
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context,
    ) -> None:
        super().__init__(callback, args, context)
        self.loop = loop
        self._when = when
        self.request = TimerRequest(self, round_up_to_milliseconds(when))

    @property
    def future(self) -> asyncio.Future[Any] | None:
        """The future that it resolves, where it is a sleep's."""
        first = self._args[0] if self._args else None
        return first if isinstance(first, asyncio.Future) else None

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self.loop.timer_cancelled(self.request)


def call_safely(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: Any
) -> None:
    """Calls it as the loop itself would: what it raises is reported, and the next one is called."""
    try:
        callback(*args)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        message = f"an engine's callback raised: {callback!r}"
        loop.call_exception_handler({"message": message, "exception": error})


async def in_callback(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """Runs `work` in a plain callback of the loop: no task is being run meanwhile."""
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            work()
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not done.done():
                done.set_result(None)

    loop.call_soon(run)
    await done
