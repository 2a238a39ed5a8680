"""The timers of an engine against a sorted list, on a virtual clock that somebody sets forward."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.sagas.timers import Timers
from tests.properties.virtual_time import VirtualClock, VirtualLoop

LOOK_SECONDS = 30
SECOND = 1_000_000  # in microseconds
AT_ONCE = 1_000  # a loop's timers are exact to a millisecond

Step = tuple[str, int]  # what is done, and how far: in tenths of a second
WHATS = ("add", "add", "add", "pass", "pass", "drop", "set")
STEPS = st.lists(st.tuples(st.sampled_from(WHATS), st.integers(0, 400)), max_size=40)


class SetClock(VirtualClock):
    """It can be set forward."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


@dataclass
class Sleeper:
    """Tells which of its timers fire, and how late."""

    clock: SetClock
    fired: list[tuple[int, int]] = field(default_factory=list)  # due and ordinal
    late: list[int] = field(default_factory=list)  # microseconds
    dues: dict[int, int] = field(default_factory=dict)

    def waits_for(self, ordinal: int, due: int) -> bool:
        return self.dues.get(ordinal) == due

    def fire(self, ordinal: int) -> None:
        due = self.dues.pop(ordinal)
        self.fired.append((due, ordinal))
        self.late.append(self.clock.now() - due)


async def played(steps: list[Step]) -> tuple[Sleeper, list[tuple[int, int]], list[int]]:
    """Who was woken, the timers that were set, those that were set by somebody who is gone."""
    loop = asyncio.get_running_loop()
    clock = SetClock(loop)
    timers = Timers(clock, loop, LOOK_SECONDS)
    sleeper, left = Sleeper(clock), Sleeper(clock)
    model: list[tuple[int, int]] = []
    for ordinal, (what, tenths) in enumerate(steps):
        duration = tenths * SECOND // 10
        match what:
            case "add":
                model.append((clock.now() + duration, ordinal))
                sleeper.dues[ordinal] = clock.now() + duration
                timers._sweep_at = 0  # it sweeps each time, and may lose nothing by that
                timers.add(clock.now() + duration, ordinal, sleeper.fire)
            case "drop":
                leaver = Sleeper(clock, late=left.late, dues={ordinal: clock.now() + duration})
                timers.add(clock.now() + duration, ordinal, leaver.fire)
                del leaver
            case "pass":
                await asyncio.sleep(tenths / 10)
            case _:
                clock.ahead += duration
    await asyncio.sleep(2 * 40 + LOOK_SECONDS)
    timers.close()
    return sleeper, model, left.late


def check(steps: list[Step]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        sleeper, model, left = runner.run(played(steps))
    assert sleeper.fired == sorted(model)
    assert not left, "somebody was woken who is gone"
    ahead = sum(tenths for what, tenths in steps if what == "set") * SECOND // 10
    latest = ahead + LOOK_SECONDS * SECOND if ahead else 0  # nobody tells that a clock was set
    assert all(0 <= late <= latest + AT_ONCE for late in sleeper.late), sleeper.late


@settings(max_examples=100, derandomize=True, database=None)
@given(STEPS)
def test_timers_fire_once_in_the_order_of_their_dues_and_never_early(steps: list[Step]) -> None:
    # behaviour 42; invariant I13
    check(steps)


@pytest.mark.faults
@settings(max_examples=1_000)
@given(STEPS)
def test_thousands_of_timers_fire_once_in_order_and_never_early(steps: list[Step]) -> None:
    # behaviour 42; invariant I13
    check(steps)
