"""Jumping time: on the event loop that runs already, a wait for a timer takes no time.

While somebody plays, the loop's `time` and its selector's `select` are replaced: when nothing is
ready, time is set to the next timer. It goes by as it does outside while a thread works or sockets
are busy. Who plays, and what is told when nothing will happen, is `virtual_engine`'s matter.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heapify
from math import inf, nextafter
from typing import Any, Protocol, Self, cast

from perdure.domain.errors import PerdureError

# So long nothing has to come from outside before time jumps, where something might.
QUIET_SECONDS = 0.1
# A timer that is set for later than this is there for nobody to wait for.
HORIZON_SECONDS = 100 * 366 * 86_400.0
INSTANT_SECONDS = 1e-6
NAME = "_perdure_jumping"
OURS = ("perdure-", "asyncio_")  # threads whose work is counted, or that do none for the loop


class CannotJump(PerdureError, RuntimeError):
    """Time cannot be made to jump where this was asked for."""


class Player(Protocol):
    """For whom time jumps on a loop."""

    patience_seconds: float

    @property
    def busy(self) -> bool:
        """Whether something of it is under way that may wait for the world outside."""
        ...

    def hangs(self, certain: bool) -> Exception | None:  # noqa: FBT001
        """Nothing will happen any more, or nothing has for long.

        None: somebody is told, and may go on. Otherwise what is to be raised by the loop itself.
        """
        ...


class Jumping:
    """The time of one loop; see the module. Times are in seconds, as the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        if not isinstance(loop, asyncio.BaseEventLoop) or not hasattr(loop, "_selector"):
            kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
            raise CannotJump(
                f"the running event loop is a {kind}, whose time cannot be made to jump; run the "
                "test on asyncio's own: perdure.testing.run(scenario()), or the asyncio loop in "
                "the settings of the test runner"
            )
        self._loop: Any = loop
        self._selector: Any = self._loop._selector
        self._players: list[Player] = []
        self._now = 0.0
        self._idlers: list[asyncio.Future[None]] = []

    @classmethod
    def running(cls) -> Self:
        """That of the running loop: all who play there share it. Raises CannotJump."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise CannotJump(
                "no asyncio event loop is running here; open the engine in an async test that "
                "runs on asyncio, or by perdure.testing.run(scenario())"
            ) from error
        found: Self | None = getattr(loop, NAME, None)
        return cls(loop) if found is None else found

    @contextmanager
    def played_by(self, player: Player) -> Iterator[None]:
        """While this is open, time jumps. What was set to wait for before goes on in real time."""
        if not self._players:
            self._replace()
        self._players.append(player)
        try:
            yield
        finally:
            self._players.remove(player)
            if not self._players:
                self._put_back()

    def hold(self) -> Callable[[], None]:
        """Something works that the loop does not know of: no jump until what this gives is called.

        Calling it again has no effect.
        """
        mark = object()
        self._holds.add(mark)
        return lambda: self._holds.discard(mark)

    def idle(self) -> "asyncio.Future[None]":
        """Done once nothing is left to be done at the present time."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._idlers.append(future)
        return future

    def time(self) -> float:
        """In place of the loop's."""
        return self._now

    def _replace(self) -> None:
        loop = self._loop
        self._real_time: Callable[[], float] = loop.time
        self._real_select = self._selector.select
        self._real_executor = loop.run_in_executor
        self._touched = self._now = self._real_time()
        self._holds: set[object] = set()
        self._outer = {id(each): (each, each._when) for each in loop._scheduled}
        self._known = set(threading.enumerate())
        self._seen: tuple[int, ...] = self._outside()
        loop.time, self._selector.select = self.time, self._select
        loop.run_in_executor = self._run_in_executor
        setattr(loop, NAME, self)

    def _put_back(self) -> None:
        """What was set meanwhile stays as far away as it is."""
        loop = self._loop
        delattr(loop, NAME)
        del loop.time, loop.run_in_executor, self._selector.select
        ahead = self._now - loop.time()
        for each in loop._scheduled:
            _, before = self._outer.get(id(each), (None, each._when - ahead))
            each._when = before
        heapify(loop._scheduled)
        self._outer.clear()

    def _run_in_executor(self, executor: Any, function: Any, *arguments: Any) -> Any:
        future = self._real_executor(executor, function, *arguments)
        release = self.hold()
        future.add_done_callback(lambda _: release())
        return future

    def _select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return self._found(0)
        found = self._found(0)
        outer = self._move(self._now)
        if found or outer <= 0:
            return found
        due = self._next_due()
        jumps = due - self._now < HORIZON_SECONDS
        seconds = self._patience(jumps=jumps or bool(self._idlers))
        if seconds > 0:
            before, limit = self._real_time(), min(seconds, outer, due - self._now)
            found = self._found(limit)
            self._move(min(self._now + self._real_time() - before, max(due, self._now)))
            if found or limit < seconds:
                return found
        if due - self._now >= INSTANT_SECONDS and self._tell_idlers():
            return []
        if jumps and not self._holds:
            # Past it by the least: far away the loop's own margin is too small to be added to it.
            self._move(nextafter(max(due, self._now), inf))
            return []
        return self._hang(certain=seconds <= 0)

    def _found(self, seconds: float) -> list[Any]:
        """What is ready, after at most so many real seconds."""
        found = self._real_select(None if seconds == inf else seconds)
        if found:
            self._touched = self._real_time()
        return cast("list[Any]", found)

    def _next_due(self) -> float:
        scheduled = self._loop._scheduled
        if not self._outer:
            return scheduled[0]._when if scheduled else inf
        return min(
            (
                each._when
                for each in scheduled
                if not each._cancelled and id(each) not in self._outer
            ),
            default=inf,
        )

    def _move(self, now: float) -> float:
        """Sets the time, and with it what stays in real time; how far away the next of that is."""
        self._now = now
        if not self._outer:
            return inf
        there = {id(each) for each in self._loop._scheduled if not each._cancelled}
        self._outer = {key: each for key, each in self._outer.items() if key in there}
        real = self._real_time()
        for timer, when in self._outer.values():
            timer._when = when + now - real
        heapify(self._loop._scheduled)
        return min((when - real for _, when in self._outer.values()), default=inf)

    def _patience(self, *, jumps: bool) -> float:
        """How long in real time something may still come from outside."""
        longest = max(player.patience_seconds for player in self._players)
        if self._holds:
            return longest
        outside, now = self._outside(), self._real_time()
        if outside != self._seen:
            self._seen, self._touched = outside, now
        if not jumps:
            alone = threading.current_thread() is threading.main_thread()
            return 0.0 if alone and not outside else longest
        if not outside:
            return 0.0
        if now - self._touched < QUIET_SECONDS or any(player.busy for player in self._players):
            return QUIET_SECONDS
        return 0.0

    def _outside(self) -> tuple[int, ...]:
        """Sockets that are open, and threads that began meanwhile."""
        own = self._loop._ssock.fileno()
        sockets = (each for each in self._selector.get_map() or () if each != own)
        threads = (
            id(each)
            for each in threading.enumerate()
            if each not in self._known and not each.name.startswith(OURS)
        )
        return (*sockets, *threads)

    def _tell_idlers(self) -> bool:
        waiting = [each for each in self._idlers if not each.done()]
        self._idlers.clear()
        for each in waiting:
            each.set_result(None)
        return bool(waiting)

    def _hang(self, *, certain: bool) -> list[Any]:
        errors = [player.hangs(certain) for player in list(self._players)]
        if None not in errors:
            raise next(filter(None, errors))
        return []
