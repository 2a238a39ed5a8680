"""The machine's clock goes on at its own pace, whatever is done to the clock on the wall."""

import time

import pytest

from perdure.infrastructure.clock import SystemClock

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


class Machine:
    """A clock on the wall that can be set, and one that only advances."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1_800_000_000 * SECOND
        self.ticks = 5 * HOUR
        self.interrupted = 0
        monkeypatch.setattr(time, "time_ns", self.read_wall)
        monkeypatch.setattr(time, "clock_gettime_ns", lambda _: self.ticks)

    def read_wall(self) -> int:
        read = self.wall
        self.passes(self.interrupted)
        return read

    def passes(self, nanoseconds: int) -> None:
        self.wall += nanoseconds
        self.ticks += nanoseconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_it_tells_the_time_on_the_wall_in_microseconds(machine: Machine) -> None:
    assert SystemClock().now() == machine.wall // 1000


@pytest.mark.parametrize("back", [SECOND, HOUR])
def test_a_clock_that_is_set_back_does_not_hold_time_up(machine: Machine, back: int) -> None:
    clock = SystemClock()
    began = clock.now()
    machine.wall -= back
    for seconds in range(1, 100):
        machine.passes(SECOND)
        assert clock.now() == began + seconds * 1_000_000


def test_a_clock_that_is_set_forward_is_followed(machine: Machine) -> None:
    clock = SystemClock()
    machine.wall += HOUR
    machine.passes(11 * SECOND)
    clock.now()
    assert clock.now() == machine.wall // 1000


def test_a_look_that_is_interrupted_does_not_move_time(machine: Machine) -> None:
    clock = SystemClock()
    machine.passes(11 * SECOND)
    machine.interrupted = SECOND
    clock.now()
    machine.interrupted = 0
    assert clock.now() == machine.wall // 1000
