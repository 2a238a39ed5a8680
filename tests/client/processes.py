"""Engines in other processes, which can be killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def worker(url: str) -> Iterator["subprocess.Popen[str]"]:
    """An engine that is open; ended politely at the end, unless it was killed before."""
    command = [sys.executable, "-m", "tests.client.worker", url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(timeout=30)
