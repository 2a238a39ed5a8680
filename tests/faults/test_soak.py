"""Rounds of random faults, for hours: `make soak`. A round is its seed, and can be repeated by it.

`SOAK_SECONDS` says for how long (default: an hour), `SOAK_SEED` repeats the one round of that seed.
The programs of a round are the same whenever it is repeated; where a SIGKILL hits a process is up
to the machine as well.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.faults.audit import check_books
from tests.faults.processes import Shop
from tests.properties.checks import KINDS, check_play, check_with_every_fault
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, play
from tests.properties.strategies import Day, days, programs

PROGRAMS = 150  # a round, of each kind
ORDERS = 60
WORKERS = 4
FAULTS = st.lists(st.builds(Fault, st.integers(0, 20), st.sampled_from(KINDS)), max_size=6)
FRESH = settings(max_examples=PROGRAMS, database=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore:coroutine 'carry_out' was never awaited")
def test_round_after_round_ends_all_or_nothing_whatever_fails() -> None:
    # behaviours 1, 2, 4, 5, 22
    with CtrlC() as ctrl_c:
        for number in seeds():
            began = time.monotonic()
            tell(f"SOAK_SEED={number}: ")
            try:
                plays = check_programs(number, ctrl_c)
                kills = check_kills(number)
                ctrl_c.look()
            except KeyboardInterrupt:
                tell("stopped\n")
                return
            except Exception as error:
                error.add_note(f"Once more: make soak SOAK_SEED={number}")
                raise
            tell(f"{plays} plays, {kills} kills, {time.monotonic() - began:.0f} s\n")


class CtrlC:
    """Heard between two plays; in the midst of one it would look like a failure."""

    def __enter__(self) -> "CtrlC":
        self._pressed = False
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _press(self, *_: object) -> None:
        self._pressed = True

    def look(self) -> None:
        if self._pressed:
            raise KeyboardInterrupt


def seeds() -> Iterator[int]:
    """One that was asked for, or fresh ones until the time is over."""
    if chosen := os.environ.get("SOAK_SEED"):
        yield int(chosen)
        return
    over = time.monotonic() + float(os.environ.get("SOAK_SECONDS") or 3600)
    while time.monotonic() < over:
        yield random.SystemRandom().randrange(1 << 32)


def tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def check_programs(number: int, ctrl_c: CtrlC) -> int:
    """Random programs with every single fault, and with several; how many plays were checked."""
    plays = 0

    @seed(number)
    @FRESH
    @given(programs, days)
    def check_one(program: Program, day: Day) -> None:
        nonlocal plays
        ctrl_c.look()
        plays += check_with_every_fault(program, day)

    @seed(number)
    @FRESH
    @given(programs, days, FAULTS)
    def check_several(program: Program, day: Day, faults: list[Fault]) -> None:
        nonlocal plays
        ctrl_c.look()
        check_play(play(program, day, faults))
        plays += 1

    check_one()
    check_several()
    return plays


def check_kills(number: int) -> int:
    """Workers on a file that are killed at random moments; how many were."""
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        kills = shop.kill_again_and_again(WORKERS, ORDERS, random.Random(number))
        shop.finish(0, ORDERS)
        assert asyncio.run(check_books(shop.url, shop.ledger)) == set(range(ORDERS))
    return kills
