"""Stories of timers: set, let go, and fired while time passes, against a sorted list.

Time is virtual, and the journal's clock may be set ahead of it, as clocks are. Dues are at whole
milliseconds and looks between them, so that nothing depends on the rounding of a float.
"""

import asyncio
from bisect import insort
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from perdure.sagas.timers import FIRST_SWEEP, Timers
from tests.properties.virtual_time import START, VirtualLoop

MILLISECOND = 1_000
LOOK_SECONDS = 30.0
SLEEPERS = 3
WHO = st.integers(0, SLEEPERS - 1)
BREAKS, SETS_ANOTHER = 5, 7  # ordinals of callbacks that raise, and that set a timer
MANY = 3  # times in a story that many timers are set
ANOTHER = 3 * MILLISECOND

Entry: TypeAlias = tuple[int, int, int, str]  # due, ordinal, when it was set, by whom


class SetClock:
    """Implements perdure.domain.clock.Clock on a loop's time; `ahead` of it, in microseconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = 0

    def now(self) -> int:
        return START + self.ahead + round(self._loop.time() * 1_000_000)


class Sleeper:
    """Implements perdure.sagas.timers.Sleeper, for a story that notes what fires."""

    def __init__(self, story: "TimerStory", name: str) -> None:
        self.story = story
        self.name = name
        self.waits = True

    def waits_for(self, ordinal: int, due: int) -> bool:
        return self.waits

    def fire(self, ordinal: int) -> None:
        if not self.waits:
            return
        now = self.story.clock.now()
        self.story.fired.append((now, ordinal, self.name))
        if ordinal == SETS_ANOTHER:
            self.story.timers.add(now + ANOTHER, ordinal + 1, self.fire)
        if ordinal == BREAKS:
            raise ZeroDivisionError("on purpose")


class TimerStory(RuleBasedStateMachine):
    """sagas.timers.Timers, as an engine has it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.raised: list[str] = []
        self.loop.set_exception_handler(lambda _, told: self.raised.append(told["message"]))
        self.clock = SetClock(self.loop)
        self.timers = Timers(self.clock, self.loop, LOOK_SECONDS)
        self.sleepers = [Sleeper(self, f"sleeper {n}") for n in range(SLEEPERS)]
        self.kept: list[Sleeper] = []  # that wait no more, and are still there
        self.waiting: list[Entry] = []
        self.fired: list[tuple[int, int, str]] = []
        self.serial = 0
        self.many = 0

    @rule(who=WHO, milliseconds=st.integers(-5, 90_000), ordinal=st.integers(1, 9))
    def set(self, who: int, milliseconds: int, ordinal: int) -> None:
        """One that is due later, now or long ago."""
        self.add(who, self.millisecond() + milliseconds * MILLISECOND, ordinal)

    @precondition(lambda self: self.many < MANY)
    @rule(who=WHO, first=st.integers(0, 1_000), apart=st.integers(0, 40))
    def set_many(self, who: int, first: int, apart: int) -> None:
        """As many as a sweep begins with; some have the same due."""
        self.many += 1
        start = self.millisecond() + first * MILLISECOND
        for ordinal in range(20, 20 + FIRST_SWEEP // 2):
            self.add(who, start + (ordinal // 2) * apart * MILLISECOND, ordinal)

    def millisecond(self) -> int:
        return self.clock.now() // MILLISECOND * MILLISECOND

    def add(self, who: int, due: int, ordinal: int) -> None:
        self.timers.add(due, ordinal, self.sleepers[who].fire)
        self.expect(due, ordinal, self.sleepers[who].name)

    def expect(self, due: int, ordinal: int, name: str) -> None:
        self.serial += 1
        insort(self.waiting, (due, ordinal, self.serial, name))

    @rule(who=WHO, stays=st.booleans())
    def let_go(self, who: int, stays: bool) -> None:
        """None of its timers matters any more; it is gone itself, or is still about."""
        sleeper = self.sleepers[who]
        self.waiting = [each for each in self.waiting if each[3] != sleeper.name]
        if stays:
            sleeper.waits = False
            self.kept.append(sleeper)
        self.serial += 1
        self.sleepers[who] = Sleeper(self, f"sleeper {who}, {self.serial}")

    @rule(milliseconds=st.integers(1, 60_000))
    def wait(self, milliseconds: int) -> None:
        """What is due fires meanwhile, in order and each at its time."""
        self.pass_until(self.loop.time() + milliseconds / 1000, exactly=True)

    @rule(milliseconds=st.integers(1, 100_000))
    def set_clock(self, milliseconds: int) -> None:
        """What is due by it fires within a look."""
        self.clock.ahead += milliseconds * MILLISECOND
        self.pass_until(self.loop.time() + LOOK_SECONDS, exactly=False)

    def pass_until(self, seconds: float, *, exactly: bool) -> None:
        self.fired.clear()
        seconds = (int(seconds * 1000) + 0.5) / 1000
        before = self.clock.now()
        self.loop.run_until_complete(asyncio.sleep(seconds - self.loop.time()))
        now, breaks = self.clock.now(), 0
        for at, ordinal, name in self.fired:
            assert self.waiting, f"{ordinal} of {name} fired for nothing"
            due, *expected = self.waiting.pop(0)
            assert (ordinal, name) == (expected[0], expected[2])
            assert at >= due, f"{ordinal} of {name} was early"
            assert not exactly or at == max(due, before), f"{ordinal} of {name} was late"
            breaks += ordinal == BREAKS
            if ordinal == SETS_ANOTHER:
                self.expect(at + ANOTHER, ordinal + 1, name)
        assert not self.waiting or self.waiting[0][0] > now, f"{self.waiting[0]} never fired"
        assert len(self.raised) == breaks
        self.raised.clear()

    def teardown(self) -> None:
        self.timers.close()
        self.loop.close()
