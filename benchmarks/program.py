"""The worker as a program of its own, for the crash and for a kit that meters it beside its peers.

It says READY and DONE on stdout, and after each of them stands still until a line comes on stdin:
that is when its costs are read. PERDURE_JOURNAL is the journal's address, or DATABASE_URL; without
them, a SQLite file beside ACTIVITY_LOG, or a temporary one. ACTIVITY_LOG, if set, gets a line as
each activity begins.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import Figures
from benchmarks.worker import open_worker, patient_collector
from benchmarks.workflow import Payment, Shape, payment

MODES = ("throughput", "latency", "block", "recover")


def run(mode: str, count: int) -> None:
    """One of MODES, with this many workflows."""
    with ExitStack() as stack, patient_collector():
        url = os.environ.get("PERDURE_JOURNAL") or os.environ.get("DATABASE_URL")
        log_path = os.environ.get("ACTIVITY_LOG")
        log = None
        if log_path is not None:
            log = stack.enter_context(open(log_path, "ab", buffering=0))  # noqa: PTH123 (mypy: FileIO)
        if url is None and log_path is not None:
            url = f"sqlite:///{Path(log_path).resolve().parent / 'payment.db'}"
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-bench-"))
            url = f"sqlite:///{folder}/payment.db"
        work = payment(Shape(blocks=mode == "block", log=log))
        asyncio.run(follow(mode, url, work, count))


async def follow(mode: str, url: str, work: Payment, count: int) -> None:
    async with open_worker(url, work, max(count, 512)) as worker:
        match mode:
            case "throughput":
                await worker.warm_up()
                say("READY", {})
                say("DONE", {"seconds": await worker.run_all(count)})
            case "latency":
                await worker.warm_up()
                say("READY", {})
                latencies = []
                for number in range(count):
                    start = time.perf_counter()
                    await worker.execute(f"wf-{number}")
                    latencies.append(time.perf_counter() - start)
                say("DONE", {"seconds": sum(latencies), "latencies": latencies})
            case "block":
                await asyncio.gather(*(worker.start(f"wf-{number}") for number in range(count)))
                await asyncio.Event().wait()
            case "recover":
                await asyncio.gather(*(worker.wait_for(f"wf-{number}") for number in range(count)))
                say("DONE", {})
            case _:
                raise ValueError(f"{mode!r} is none of {', '.join(MODES)}")


def say(word: str, outcome: Figures) -> None:
    """Tells whoever meters this, and blocks the whole worker until it is answered."""
    print(word, json.dumps(outcome), flush=True)
    sys.stdin.readline()
