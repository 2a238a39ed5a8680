"""`perdure.testing.engine`: an engine on a journal in memory, in time that jumps.

It is production's engine with another clock, another journal and fakes; nothing of a saga runs
otherwise. How time jumps is `jumping`'s matter, which fakes there are `fakes`'.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from perdure.domain.errors import PerdureError
from perdure.domain.states import instant
from perdure.infrastructure.errors import BadFake, NoFake
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.simulation.clock import SeededChance, SimulatedClock
from perdure.infrastructure.simulation.fakes import Fakes, Named
from perdure.infrastructure.simulation.held_threads import HeldThreads
from perdure.infrastructure.simulation.jumping import HORIZON_SECONDS, Jumping
from perdure.infrastructure.simulation.machine import NothingWillHappen
from perdure.infrastructure.simulation.process import microseconds, pause
from perdure.infrastructure.simulation.unfinished import unfinished
from perdure.sagas.activity import Activity
from perdure.sagas.engine import WorkflowEngine
from perdure.sagas.settings import EngineSettings
from perdure.sagas.stage import Stage
from perdure.sagas.workflow import Workflow

R = TypeVar("R")
Workflows = Iterable[Workflow[Any, Any]]

PATIENCE_SECONDS = 30.0
NEVER_SECONDS = 2 * HORIZON_SECONDS  # between looks at a journal of which everything is told


@asynccontextmanager
async def engine(
    workflows: Workflows,
    *,
    fakes: Mapping[Any, Callable[..., Any]] | None = None,
    world: object | None = None,
    real: Iterable[Named] = (),
    activities: Iterable[Activity[..., Any]] = (),
    settings: EngineSettings | None = None,
    seed: int = 0,
    patience_seconds: float = PATIENCE_SECONDS,
) -> AsyncIterator["VirtualEngine"]:
    """An engine for a test: its journal in memory, its activities faked, its time jumping.

    Whatever the event loop waits for takes no time: a month passes at once, for `asyncio.sleep` and
    `asyncio.timeout` of the test and its fakes too. It begins at 2027-01-15T08:00:00Z. While a sync
    activity or a job of an executor runs, time goes by as it does outside; so it does until sockets
    have been silent for 0.1 s. The recorded stream is that of production, but for the times.

    `fakes`: functions, sync or async, by what they stand in for: an activity, a compensation, the
    function of a probe, or a name. A fake takes the parameters that it likes of the real one, and
    `current_activity()` works in it. `world`: an object whose public methods stand in for what has
    their names; then nothing else is called, but for what `real` names. `activities` and `settings`
    as for `open_engine`; `scan_seconds` is of no use. `seed`: of the jitter of retries.

    Raises CannotJump where the loop is none of asyncio's own; NoFake and BadFake, which stop the
    engine, to whoever waits for it and again on leaving; NothingWillHappen when everybody waits and
    nothing is due, or when nothing has happened for `patience_seconds` of real time.

    >>> async with perdure.testing.engine([process_payment], world=Shop()) as engine:
    ...     assert await engine.execute(process_payment, request) == "track-1"
    """
    jumping = Jumping.running()
    found = Fakes(fakes, world, real)
    opened = VirtualEngine(
        workflows,
        activities,
        settings,
        fakes=found,
        jumping=jumping,
        seed=seed,
        patience_seconds=patience_seconds,
    )
    with jumping.played_by(opened):
        try:
            async with opened:
                yield opened
        except BaseException as error:
            opened.raise_fault(error)
            raise
        opened.raise_fault(None)
        found.check_names()


def run(main: Coroutine[Any, Any, R]) -> R:
    """As `asyncio.run`, on a loop whose time can jump whatever the policy of the process is.

    For scripts and for tests without a plugin for async ones.

    >>> perdure.testing.run(scenario())
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(main)


class VirtualEngine(WorkflowEngine):
    """A WorkflowEngine for tests; made by `perdure.testing.engine`. `log` is what is stored.

    Implements perdure.infrastructure.simulation.jumping.Player.
    """

    def __init__(
        self,
        workflows: Workflows,
        activities: Iterable[Activity[..., Any]],
        settings: EngineSettings | None,
        *,
        fakes: Fakes,
        jumping: Jumping,
        seed: int,
        patience_seconds: float,
    ) -> None:
        self.patience_seconds = patience_seconds
        self._jumping = jumping
        self.log = Log()
        self._owner = asyncio.current_task()
        self._cancelling = 0 if self._owner is None else self._owner.cancelling()
        self._cancelled = False
        self._fault: PerdureError | NothingWillHappen | None = None
        self._fakes = fakes
        self._kept = replace(settings or EngineSettings(), scan_seconds=NEVER_SECONDS)
        self._time = SimulatedClock(self._since_opened)
        self._chance = SeededChance(seed)
        self._began: float | None = None
        self._build(list(workflows), list(activities))

    def _build(
        self, workflows: list[Workflow[Any, Any]], activities: list[Activity[..., Any]]
    ) -> None:
        self._code = workflows, activities
        super().__init__(
            MemoryJournal(self.log),
            workflows,
            activities=activities,
            settings=self._kept,
            clock=self._time,
            randomness=self._chance,
            stage=Stage(
                pool=lambda limit, loop: HeldThreads(self._jumping, limit, loop),
                stand_in=self._fakes.or_refuse(self._refuse),
            ),
        )

    async def open(self) -> Self:
        if self._began is None:
            self._began = self._jumping.time()
        return await super().open()

    @property
    def now(self) -> datetime:
        """The journal's time: 2027-01-15T08:00:00Z when it was opened."""
        return instant(self._time.now())

    async def elapse(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Lets so much time pass, and all happen that is due until then.

        Without any, only what is to be done now. There is no need of it before `result()`, which
        lets as much pass as it takes; it is for looking at what is under way.

        >>> await engine.elapse(days=3)
        >>> assert world.reminders == ["order-1"]
        """
        long = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        if long > 0:
            await pause(long)
        await self._jumping.idle()
        if self._fault is not None:
            raise self._fault

    async def restart(
        self,
        workflows: Workflows | None = None,
        activities: Iterable[Activity[..., Any]] | None = None,
    ) -> None:
        """Stops as a deployment would, and goes on from the journal, with other code if given.

        Attempts under way may end within `settings.stop_seconds`. Whoever waits is told
        EngineStopped; handles are of the engine that was: take new ones by `handle(id)`.

        >>> await engine.restart([process_payment_as_it_is_now])
        """
        await self.close()
        await self._begin_anew(workflows, activities)

    async def crash(
        self,
        workflows: Workflows | None = None,
        activities: Iterable[Activity[..., Any]] | None = None,
    ) -> None:
        """Ends at once, as a process that is killed, and goes on from the journal.

        What attempts under way do is lost, and nobody knows how far they came. Otherwise as
        `restart`. A sync activity runs on in its thread.
        """
        self.abandon()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._timers.close()
        self._threads.close()
        await self._journal.close()
        await self._begin_anew(workflows, activities)

    async def _begin_anew(
        self, workflows: Workflows | None, activities: Iterable[Activity[..., Any]] | None
    ) -> None:
        before = self._code
        self._build(
            before[0] if workflows is None else list(workflows),
            before[1] if activities is None else list(activities),
        )
        await self.open()

    # What goes wrong with a test

    def _refuse(self, error: BadFake | NoFake) -> None:
        if self._fault is None:
            self._fault = error
            asyncio.get_running_loop().call_soon(self._stop, error)

    def _stop(self, error: BadFake | NoFake) -> None:
        """Nothing goes on, and those who wait are told."""
        self._residents.broken_by = str(error)
        self._residents.waiters.fail(error)
        self._residents.stopping = True
        self._residents.dismiss_all()

    @property
    def busy(self) -> bool:
        """Whether an execution is under way and not only waiting."""
        return self._residents.in_flight > 0

    def hangs(self, certain: bool) -> Exception | None:  # noqa: FBT001
        """Tells those who wait for an execution; when there are none, the test."""
        if certain:
            why = "nothing is due, and nobody works"
        else:
            why = f"nothing has happened for {self.patience_seconds:g} s of real time"
        known = {name: live.status() for name, live in self._residents.live.items()}
        hang = NothingWillHappen(f"{why}; {unfinished(self.log, known, self._time.now())}")
        if self._residents.waiters.fail(hang):
            return None
        if self._owner is None or self._owner.done() or self._cancelled:
            return hang  # it was opened in a fixture, or the test caught what ended it
        self._fault = self._fault or hang
        self._cancelled = True
        self._owner.cancel(str(hang))
        return None

    def raise_fault(self, raised: BaseException | None) -> None:
        """On leaving: what stopped the test, if that is not what was raised."""
        if self._cancelled and self._owner is not None:
            self._owner.uncancel()
            if self._owner.cancelling() > self._cancelling:  # by others too
                return
        if self._fault is not None and raised is not self._fault:
            raise self._fault from raised

    def _since_opened(self) -> int:
        return microseconds(self._jumping.time() - (self._began or 0.0))
