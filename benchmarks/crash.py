"""Kills a worker with SIGKILL while all its workflows are in activity 3, and times the next one.

Who ran what is taken from the activities' own log, not from the journal.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.figures import Figures, line
from benchmarks.machine import Place
from benchmarks.workflow import ACTIVITIES, BLOCKING

BLOCK_SECONDS = 100.0
POLL_SECONDS = 0.05
QUIET_SECONDS = 1.0  # what is still being written may land: the crash is to hit a quiet worker

Runs = Counter[tuple[str, int]]


class CrashFailed(RuntimeError):
    """The measurement did not come about."""


def crash(place: Place, count: int) -> Figures:
    """`recover_s` runs from the second process's start until all workflows are complete."""
    log = place.folder / "activities.log"
    log.touch()
    with worker_process("block", count, place.url, log) as victim:
        blocked = wait_until_blocked(victim, log, count)
        time.sleep(QUIET_SECONDS)
    start = time.perf_counter()
    with worker_process("recover", count, place.url, log) as successor:
        assert successor.stdout is not None
        if not any(said.startswith("DONE") for said in successor.stdout):
            raise CrashFailed("the second worker ended before everything was recovered")
        seconds = time.perf_counter() - start
    runs = activity_runs(log)
    figures = {
        "blocked_at_kill": blocked,
        "recover_s": round(seconds, 3),
        "done": sum(number == len(ACTIVITIES) for _, number in runs),
        "workflows_that_ran_again": {
            str(number): sum(times > 1 for (_, ran), times in runs.items() if ran == number)
            for number in range(1, len(ACTIVITIES) + 1)
        },
    }
    return line("crash", count, figures)


@contextmanager
def worker_process(mode: str, count: int, url: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Leaving this kills the worker and whatever it started."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "program", mode, str(count)],
        env=os.environ | {"PERDURE_JOURNAL": url, "ACTIVITY_LOG": str(log)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_until_blocked(victim: subprocess.Popen[str], log: Path, count: int) -> int:
    """How many workflows are inside the activity that never returns."""
    deadline = time.perf_counter() + BLOCK_SECONDS
    while True:
        blocked = sum(number == BLOCKING for _, number in activity_runs(log))
        if blocked == count or time.perf_counter() > deadline:
            return blocked
        if victim.poll() is not None:
            raise CrashFailed("the first worker ended before it could be killed")
        time.sleep(POLL_SECONDS)


def activity_runs(log: Path) -> Runs:
    """How often each activity of each workflow began."""
    begun = (text.rpartition(" ") for text in log.read_text(encoding="utf-8").splitlines())
    return Counter((identity, int(number)) for identity, _, number in begun)
