"""Several runners on one database: processes that begin at once, each on a schema of its own.

One journal is one runner's until runners share its shards out among them; what this shows is how
far one server goes, and one machine with it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from msgspec import json

from benchmarks.figures import Figures, line
from benchmarks.machine import place_for


class RunnerFailed(RuntimeError):
    """A process ended before it was measured."""


def curve(journal: str, numbers: list[int], count: int) -> Figures:
    """`wf_s_N`: workflows a second of N runners together, `count` for each of them."""
    figures: Figures = {}
    for number in numbers:
        figures[f"wf_s_{number}"] = round(together(journal, number, count), 1)
    first = figures[f"wf_s_{numbers[0]}"]
    ratios = {f"ratio_{number}": round(figures[f"wf_s_{number}"] / first, 2) for number in numbers}
    return line("runners", count, figures | ratios)


def together(journal: str, number: int, count: int) -> float:
    """All workflows, by the time of the slowest."""
    with ExitStack() as stack:
        places = [stack.enter_context(place_for(journal)) for _ in range(number)]
        runners = [stack.enter_context(runner(place.url, count)) for place in places]
        for each in runners:
            heard(each, "READY")
        for each in runners:
            go_on(each)
        seconds = [float(json.decode(heard(each, "DONE"))["seconds"]) for each in runners]
        for each in runners:
            go_on(each)
    return number * count / max(seconds)


@contextmanager
def runner(url: str, count: int) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "program", "throughput", str(count)],
        env=os.environ | {"PERDURE_JOURNAL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
            process.wait()
        finally:
            process.kill()


def heard(process: "subprocess.Popen[str]", word: str) -> str:
    """What it says behind this word."""
    assert process.stdout is not None
    said = process.stdout.readline()
    if not said.startswith(word):
        raise RunnerFailed(f"a runner said {said!r} where {word} was expected")
    return said.removeprefix(word)


def go_on(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
