"""Several processes open a journal at once that nobody has made yet: it is made once, and whole."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.engine.places import OnDisk, kinds
from tests.engine.shop import process_payment

NUMBERS = (1, 2, 4, 5, 7, 8)  # a customer cancels every third order
ROUNDS = 3
PATIENCE_SECONDS = 60


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_processes_that_start_at_once_make_one_journal_and_lose_no_order(
    tmp_path: Path,
) -> None:
    # behaviour 67
    for _ in range(ROUNDS):
        place = OnDisk(tmp_path)
        async with asyncio.timeout(PATIENCE_SECONDS):
            engine = await started("tests.client.worker", place.url)
            customers = [
                await started("tests.client.customer", place.url, str(number), "1")
                for number in NUMBERS
            ]
            told = await asyncio.gather(*(customer.communicate() for customer in customers))
            assert [output.split() for output, _ in told] == [[b"%d" % n] for n in NUMBERS]
            engine.terminate()
            await engine.wait()
            with closing(sqlite3.connect(place.path)) as connection:
                assert connection.execute("SELECT count(*) FROM journal").fetchone() == (1,)
            async with place.engine(process_payment) as own:
                for number in NUMBERS:
                    handle = own.handle(f"process_payment@o-{number}")
                    assert await handle.result()
                    assert (await kinds(handle)).count("ExecutionStarted") == 1


async def started(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
