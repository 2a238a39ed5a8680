"""What an operator waits for: one command that resolves many stuck or suspended executions.

The command is a process of its own, as it is typed, and so is the engine; both starts of Python and
all replies are part of the time. Afterwards it is counted until all executions have ended.
"""

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal

from pydantic import BaseModel

from benchmarks.figures import Figures, line
from benchmarks.machine import place_for
from benchmarks.worker import patient_collector
from perdure import (
    ExecutionParked,
    Failure,
    Retry,
    activity,
    current_activity,
    open_engine,
    suspend,
    workflow,
)

Parked = Literal["stuck", "suspended"]
COMMAND = "from perdure.infrastructure.command_line import main; main()"
ORDERS: dict[Parked, tuple[str, ...]] = {
    "stuck": ("resolve", "retry", "--where", "state=stuck"),
    "suspended": ("resume", "--where", "state=suspended"),
}


class OutOfStock(Failure):
    pass


class AccountClosed(Failure):
    pass


class ProcessPayment(BaseModel):
    order_id: str
    parked: Parked


@activity(retry=Retry.exponential(first=0.001, maximum=0.001))
async def charge_credit_card(order_id: str) -> str:
    return f"charge of {order_id}"


@charge_credit_card.compensate(raises=[AccountClosed])
async def refund_credit_card(result: str | None, order_id: str) -> None:
    if current_activity().attempt == 1:
        raise AccountClosed()


@activity(raises=[OutOfStock])
async def send_order_to_shipping(order_id: str) -> None:
    raise OutOfStock()


@workflow(key="order_id", raises=[OutOfStock])
async def process_payment(request: ProcessPayment) -> None:
    """Stuck: its refund fails once. Suspended: it waits for the bank before it is rolled back."""
    await charge_credit_card(request.order_id)
    if request.parked == "suspended":
        await suspend("waits for the bank")
        return
    await send_order_to_shipping(request.order_id)


def resolved(count: int) -> Figures:
    """Seconds for each kind of parked execution, and those of a command that does nothing."""
    start = time.perf_counter()
    typed("--version")
    figures: Figures = {"command_start_s": round(time.perf_counter() - start, 3)}
    for parked, order in ORDERS.items():
        with place_for("sqlite") as place, engine_process(place.url, parked, count) as engine:
            start = time.perf_counter()
            told = typed(*order, "--journal", place.url, "--yes", "--json", "--wait", "30")
            figures[f"{parked}_s"] = round(time.perf_counter() - start, 3)
            done = [each for each in told.splitlines() if json.loads(each)["outcome"] == "done"]
            figures[f"{parked}_done"] = len(done)
            engine.readline()
            figures[f"{parked}_ended_s"] = round(time.perf_counter() - start, 3)
    return line("resolve", count, figures)


def typed(*arguments: str) -> str:
    """What the command line prints."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@contextmanager
def engine_process(url: str, parked: Parked, count: int) -> Iterator[IO[str]]:
    """An engine whose executions are all parked; it prints a line when all have ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "serve-parked", url, parked, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "READY\n":
                raise RuntimeError("the engine ended before it was measured")
            yield process.stdout
        finally:
            process.terminate()


async def serve_parked(url: str, parked: Parked, count: int) -> None:
    """The engine's process: until all have ended."""
    logging.getLogger("perdure").setLevel(logging.ERROR)  # it warns of each that is parked
    with patient_collector():
        async with open_engine(url, [process_payment]) as engine:
            requests = [ProcessPayment(order_id=f"{each}", parked=parked) for each in range(count)]
            ends = await asyncio.gather(
                *(engine.execute(process_payment, each) for each in requests),
                return_exceptions=True,
            )
            assert all(isinstance(end, ExecutionParked) for end in ends), ends
            print("READY", flush=True)
            handles = [engine.handle(f"process_payment@{each}") for each in range(count)]
            await asyncio.gather(
                *(handle.result(on_parked="wait") for handle in handles), return_exceptions=True
            )
            print("DONE", flush=True)
