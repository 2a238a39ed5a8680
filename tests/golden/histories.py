"""Histories of seeded programs, one a line, as they are compared between processes and Pythons.

    .venv/bin/python -m tests.golden.histories --programs 40 --noise 7    prints them
    .venv/bin/python -m tests.golden.histories --record                   writes golden ones

After a wanted change of histories, record with every Python (`.venv-3.11/bin/python`, ...): each
has a file of its own, and `every-python.jsonl` is the same whoever writes it. Left out of an event
is what may differ: tracebacks, and the fingerprint of the code.
"""

import argparse
import json
import logging
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from perdure.domain.events import Event
from perdure.infrastructure import codec
from tests.programs.drivers import Case, alike, portable
from tests.properties.checks import check_play
from tests.properties.day import Day
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, Play, play

FOLDER = Path(__file__).parent
RECORDED = range(7_000, 7_024)  # the seeds of the golden ones
NOISE_MOST = 2_000
CRASH = (Fault(2, "crash before"), Fault(5, "crash after"))


def line(program: Program, day: Day, faults: Sequence[Fault] = CRASH) -> str:
    """Plays it, with two crashes; its history, and where submissions ended."""
    played = play(program, day, faults)
    check_play(played)
    told = {
        "program": program,
        "day": astuple(day),
        "ends": sorted(set(played.ends)),
        "events": [written(event) for event in played.stream()],
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def written(event: Event) -> list[Any]:
    topic, body = codec.encode(event)
    return [topic, scrubbed(json.loads(body))]


def scrubbed(value: Any) -> Any:
    match value:
        case dict():
            left = {"traceback": "", "code": "-"}
            return {key: left.get(key, scrubbed(each)) for key, each in value.items()}
        case list():
            return [scrubbed(each) for each in value]
        case _:
            return value


def read(written: str) -> tuple[Program, Day, Play]:
    """A line as a play, of which only the history is known."""
    told = json.loads(written)
    played = Play(ends=told["ends"])
    for topic, body in told["events"]:
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        played.known.append(codec.decode(topic, data))
    return told["program"], Day(*told["day"]), played


def golden_files() -> list[Path]:
    return sorted(FOLDER.glob("*.jsonl"))


def lines(case: Callable[[int], Case], seeds: range, noise: int = 0) -> Iterator[str]:
    """With `noise`, memory is used in another way before each of them."""
    source, kept = random.Random(noise), []
    for seed in seeds:
        if noise:
            kept.append([object() for _ in range(source.randrange(NOISE_MOST))])
            del kept[: -source.randrange(1, 5)]
        yield line(*case(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=len(RECORDED))
    parser.add_argument("--noise", type=int, default=0)
    parser.add_argument("--own", action="store_true", help="of programs that Pythons play unlike")
    parser.add_argument("--record", action="store_true")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if chosen.record:
        write(f"python-{sys.version_info.major}.{sys.version_info.minor}", portable)
        write("every-python", alike)
    else:
        seeds = range(RECORDED.start, RECORDED.start + chosen.programs)
        case = portable if chosen.own else alike
        sys.stdout.writelines(f"{each}\n" for each in lines(case, seeds, chosen.noise))


def write(name: str, case: Callable[[int], Case]) -> None:
    made = "".join(f"{each}\n" for each in lines(case, RECORDED))
    (FOLDER / f"{name}.jsonl").write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
