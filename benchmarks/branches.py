"""Memory: of a running execution, of an open branch, and of a worker with more than it may run.

Each figure is the difference of two processes that hold different numbers of the same thing. A
journal in memory would hold everything anyway.
"""

import asyncio
import gc
import itertools
import subprocess
import sys

from pydantic import BaseModel

from benchmarks.figures import Figures
from benchmarks.machine import peak_rss_mib, place_for, rss_bytes
from benchmarks.worker import engine_settings, patient_collector
from benchmarks.workflow import Step
from perdure import Workflow, activity, open_engine, workflow

STARTERS = 64
IN_FLIGHT = 512


class OpenBranches(BaseModel):
    """As many activities as this wait side by side."""

    order_id: str
    branches: int


def waiting(expected: int, all_wait: asyncio.Event) -> Workflow[OpenBranches, int]:
    """A workflow that never ends; the event is set once this many activities wait."""
    begun = itertools.count(1)

    @activity
    async def never_returns(order_id: str, branch: int) -> Step:
        if next(begun) == expected:
            all_wait.set()
        await asyncio.get_running_loop().create_future()  # the least that a wait costs
        return Step(step=branch, ok=True)

    @workflow(key="order_id")
    async def waits_in_branches(request: OpenBranches) -> int:
        if request.branches == 1:
            return (await never_returns(request.order_id, 1)).step
        numbers = range(request.branches)
        await asyncio.gather(*(never_returns(request.order_id, number) for number in numbers))
        return request.branches

    return waits_in_branches


async def hold(journal: str, count: int, branches: int, in_flight: int) -> Figures:
    """Starts executions that never end, keeps no handle, and tells this process's memory."""
    with patient_collector(), place_for(journal) as place:
        all_wait = asyncio.Event()
        work = waiting(min(count, in_flight) * branches, all_wait)
        settings = engine_settings(in_flight, branches)
        async with open_engine(place.url, [work], settings=settings) as engine:
            numbers = iter(range(count))

            async def start_next() -> None:
                for number in numbers:
                    request = OpenBranches(order_id=f"wf-{number}", branches=branches)
                    await engine.start(work, request)

            await asyncio.gather(*(start_next() for _ in range(STARTERS)))
            await all_wait.wait()
            gc.collect()
            return {"rss_bytes": rss_bytes(), "peak_mib": round(peak_rss_mib(), 1)}


def memory(journal: str, count: int, many: int) -> Figures:
    """`count` executions at once for the costs of one; `many` started against a third of them."""
    quarter = max(1, count // 4)
    few, all_of_them = held(journal, quarter, 1, count), held(journal, count, 1, count)
    wide = held(journal, quarter, 9, count)
    small, large = held(journal, many // 3, 1, IN_FLIGHT), held(journal, many, 1, IN_FLIGHT)
    by_execution = (all_of_them["rss_bytes"] - few["rss_bytes"]) / (count - quarter)
    by_branch = (wide["rss_bytes"] - few["rss_bytes"]) / (quarter * 8)
    return {
        "label": "perdure",
        "work": "memory",
        "n": count,
        "bytes_per_execution": round(by_execution),
        "bytes_per_open_branch": round(by_branch),
        "in_flight": IN_FLIGHT,
        "started": [many // 3, many],
        "rss_mib": [round(one["rss_bytes"] / 2**20, 1) for one in (small, large)],
        "peak_rss_mib": [small["peak_mib"], large["peak_mib"]],
    }


def held(journal: str, count: int, branches: int, in_flight: int) -> Figures:
    """`hold` in a process of its own."""
    told = in_own_process("hold", journal, str(count), str(branches), str(in_flight))
    return {"rss_bytes": int(told[0]), "peak_mib": float(told[1])}


def in_own_process(*arguments: str) -> list[str]:
    """The words that a command of these benchmarks prints."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()
