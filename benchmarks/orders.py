"""Orders of a client, taken by an engine in a process of its own that idles, or is at its limit.

One order at a time: until it is durable, and until the engine's reply is seen. Both count from the
call; the client's own looking, every 20 ms, is part of it.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import Figures, line, percentile_ms
from benchmarks.machine import Place
from benchmarks.worker import Worker, open_worker, patient_collector
from benchmarks.workflow import Payment, ProcessPayment
from perdure import connect

WARM_UP = 10


async def orders(place: Place, payment: Payment, count: int, *, load: int) -> Figures:
    """`load` executions are kept in flight, which is also the engine's limit; 0: it idles."""
    durable: list[float] = []
    taken: list[float] = []
    with engine_process(place.url, load):
        async with connect(place.url) as client:
            for number in range(-WARM_UP, count):
                start = time.perf_counter()
                handle = await client.start(payment, ProcessPayment(order_id=f"order-{number}"))
                posted = time.perf_counter()
                await handle.accepted()
                if number >= 0:
                    durable.append(posted - start)
                    taken.append(time.perf_counter() - start)
    figures: Figures = {f"p{percent}_ms": percentile_ms(taken, percent) for percent in (50, 95, 99)}
    figures["in_flight"] = load
    figures["durable_p50_ms"] = percentile_ms(durable, 50)
    figures["durable_p99_ms"] = percentile_ms(durable, 99)
    return line("orders", count, figures)


@contextmanager
def engine_process(url: str, load: int) -> Iterator[None]:
    """An engine that is open, and under load if there is to be any."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "serve", url, str(load)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "READY\n":
                raise RuntimeError("the engine ended before it was measured")
            yield
        finally:
            process.stdin.close()


async def serve(url: str, payment: Payment, load: int) -> None:
    """The engine's process: until stdin closes."""
    with patient_collector():
        async with open_worker(url, payment, load or 512) as worker:
            numbers = itertools.count()
            busy = [asyncio.create_task(keep_busy(worker, numbers)) for _ in range(load)]
            if load:
                await worker.warm_up()
            print("READY", flush=True)
            await asyncio.to_thread(sys.stdin.read)
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)


async def keep_busy(worker: Worker, numbers: Iterator[int]) -> None:
    """One payment after the other."""
    for number in numbers:
        await worker.execute(f"load-{number}")
