"""Workers that are SIGKILLed, at chosen moments and at any, and what the next one makes of it."""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from perdure import open_engine
from perdure.domain.errors import JournalInUse
from tests.faults.audit import check_books
from tests.faults.payments import process_payment
from tests.faults.processes import Shop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
FORWARD = ["total", "charge", "code", "ship", "email"]
SUCCESS = [f"{when} {step}" for step in FORWARD for when in ("before", "after")]
ROLLBACK = [f"{when} {step}" for step in ("void", "refund") for when in ("before", "after")]


@pytest.fixture(params=["file", "server"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    if request.param == "file":
        return Shop(tmp_path)
    return Shop(tmp_path, f"{request.getfixturevalue('postgres_database')}?schema=s{uuid4().hex}")


@pytest.mark.parametrize(
    ("order", "hold"),
    [(0, hold) for hold in SUCCESS]
    + [(1, hold) for hold in ROLLBACK]
    + [(0, f"append {number}") for number in range(1, 7)]
    + [(1, f"append {number}") for number in range(1, 8)],
)
async def test_a_worker_killed_at_this_moment_is_followed_by_one_that_ends_it(
    shop: Shop, order: int, hold: str
) -> None:
    # behaviours 1, 2, 22
    with shop.worker(order, 1, hold) as worker:
        worker.read_until(hold)
        assert worker.kill()
    shop.finish()
    assert await check_books(shop.url, shop.ledger) == {order}


async def test_killed_again_and_again_at_any_moment_everything_ends_once(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    # behaviours 1, 22
    seed = int(os.environ.get("PERDURE_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stdout.write(f"PERDURE_SEED={seed}\n")  # shown when it fails
    kills = shop.kill_again_and_again(12, 200, random.Random(seed))
    shop.finish(0, 200)
    assert await check_books(shop.url, shop.ledger) == set(range(200))
    record_property("summary", f"{kills} kills at random moments (PERDURE_SEED={seed})")


async def test_starts_that_returned_before_a_kill_are_not_lost(shop: Shop) -> None:
    # behaviour 1
    started: set[int] = set()
    for storm in range(3):
        with shop.worker(storm * 500, 500) as worker:
            while sum(line.startswith("started") for line in worker.told) < 1 + 40 * storm:
                assert worker.read()
            worker.kill()
            told = [line for line in worker.told if line.startswith("started")]
            started |= {int(line.split()[1]) for line in told}
    shop.finish()
    assert started <= await check_books(shop.url, shop.ledger)


async def test_three_hundred_in_flight_are_recovered(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    # behaviours 1, 2
    with shop.worker(0, 300, "after charge") as worker:
        worker.read_until("after charge", times=300)
        assert worker.kill()
    began = time.monotonic()
    shop.finish()
    seconds = time.monotonic() - began
    assert await check_books(shop.url, shop.ledger) == set(range(300))
    record_property("summary", f"300 in flight at a kill: all ended {seconds:.1f} s later")


async def test_a_second_engine_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    with shop.worker(0, 1, "before charge") as worker:
        worker.read_until("before charge")
        with pytest.raises(JournalInUse):
            async with open_engine(shop.url, [process_payment]):
                raise AssertionError("two engines")
        with shop.worker(0, 1) as second:
            second.read_all()
            assert second.process.wait() == 3
        worker.kill()
    shop.finish()
    assert await check_books(shop.url, shop.ledger) == {0}


@pytest.mark.parametrize("shop", ["server"], indirect=True)
async def test_a_worker_that_was_frozen_beyond_its_lease_does_nothing_more(shop: Shop) -> None:
    # behaviours 49, 50, 79
    with shop.worker(0, 200) as frozen:
        while sum(line.startswith("ended") for line in frozen.told) < 20:
            assert frozen.read()
        frozen.freeze()
        shop.finish(0, 200)
        frozen.go_on()
        frozen.read_all()
        assert frozen.process.wait() == 0
    assert await check_books(shop.url, shop.ledger) == set(range(200))


@pytest.mark.parametrize("shop", ["server"], indirect=True)
async def test_a_second_worker_waits_and_goes_on_when_the_first_is_killed(shop: Shop) -> None:
    # behaviours 49, 50
    with shop.worker(0, 1, "before charge") as first:
        first.read_until("before charge")
        with shop.worker(1, 1) as second:
            first.kill()
            second.read_all()
            assert second.process.wait() == 0
    assert await check_books(shop.url, shop.ledger) == {0, 1}
