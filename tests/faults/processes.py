"""Workers as processes that a test kills, on a journal and a ledger that survive them."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKER_SECONDS = 150


class Shop:
    """The places of one test: a journal and a ledger; the journal in a file unless told."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.url = url or f"sqlite:///{folder / 'payments.db'}"
        self.ledger = folder / "ledger"

    @contextmanager
    def worker(self, first: int, count: int, hold: str = "") -> Iterator["Worker"]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.worker", self.url]
        command += [str(self.ledger), str(first), str(count), hold]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=pipe, text=True, start_new_session=True
        ) as process:  # in a session of its own: Ctrl-C is not for the worker
            too_long = threading.Timer(WORKER_SECONDS, process.kill)  # told as an end too early
            too_long.start()
            try:
                yield Worker(process)
            finally:
                too_long.cancel()
                process.kill()

    def finish(self, first: int = 0, count: int = 0) -> None:
        """A worker that nobody kills."""
        with self.worker(first, count) as worker:
            worker.read_all()
            assert worker.process.wait() == 0

    def kill_again_and_again(self, times: int, count: int, chance: random.Random) -> int:
        """Workers on the same orders, each killed after some lines; how many were not done yet."""
        kills = 0
        for _ in range(times):
            with self.worker(0, count) as worker:
                worker.read_until("open")
                for _ in range(chance.randrange(2 * count)):
                    worker.read()
                kills += worker.kill()
        return kills


class Worker:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.told: list[str] = []

    def read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if line:
            self.told.append(line)
        return line

    def read_until(self, line: str, times: int = 1) -> None:
        while self.told.count(line) < times:
            assert self.read(), f"it ended without {line!r}: {self.told[-3:]}"

    def read_all(self) -> None:
        while self.read():
            pass

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> bool:
        """False when it had come to its end just before."""
        self.process.send_signal(signal.SIGKILL)
        killed = self.process.wait() == -signal.SIGKILL
        self.read_all()
        return killed
