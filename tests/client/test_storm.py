"""Customers and engines that are killed at random: what was accepted is carried out, once."""

import asyncio
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from perdure import CancelledExecution, Client, connect
from perdure.infrastructure.journals import open_post_office
from tests.client.processes import worker
from tests.engine.places import OnDisk, kinds
from tests.engine.shop import process_payment

CUSTOMERS = 3
ORDERS = 150
SECONDS = 12
PATIENCE_SECONDS = 30
ENDS = ("ExecutionSucceeded", "ExecutionCancelled")


def storm(url: str, seed: int) -> set[int]:
    """The numbers that were said to be durable, by customers who may have been killed since."""
    chance = random.Random(seed)
    customers = [customer(url, first * ORDERS) for first in range(CUSTOMERS)]
    deadline = time.monotonic() + SECONDS
    while any(each.poll() is None for each in customers) and time.monotonic() < deadline:
        with worker(url) as engine:
            with suppress(subprocess.TimeoutExpired):
                engine.wait(chance.uniform(0.1, 1.0))
            engine.kill()
        if chance.random() < 0.3:
            chance.choice(customers).kill()
    for each in customers:
        each.kill()
    said = [each.communicate()[0] for each in customers]
    return {int(line) for text in said for line in text.split("\n")[:-1]}


def customer(url: str, first: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.client.customer", url, str(first), str(ORDERS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2))
async def test_what_was_accepted_is_carried_out_once_whoever_is_killed(
    seed: int, tmp_path: Path
) -> None:
    url = OnDisk(tmp_path).url
    print(f"seed {seed}")  # noqa: T201
    accepted = await asyncio.to_thread(storm, url, seed)
    assert accepted
    async with connect(url) as client:
        with worker(url):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*(carried_out(client, number) for number in accepted))
                names = await recorded_names(url)
                await asyncio.gather(*(client.handle(name).wait() for name in names))
        assert {name_of(number) for number in accepted} <= names
        for name in names:  # also what was durable before its customer could say so
            recorded = await kinds(client.handle(name))
            assert recorded.count("ExecutionStarted") == 1
            assert recorded.count("CancellationRequested") <= 1
            assert sum(map(recorded.count, ENDS)) == 1


async def recorded_names(url: str) -> set[str]:
    office = await open_post_office(url)
    rows = await office.rows([name_of(number) for number in range(CUSTOMERS * ORDERS)])
    await office.close()
    return set(rows)


def name_of(number: int) -> str:
    return f"process_payment@o-{number}"


async def carried_out(client: Client, number: int) -> None:
    with suppress(CancelledExecution):
        await client.handle(name_of(number), process_payment).result()
