"""The two drivers of the generator: Hypothesis, and a seed.

A seed makes the same program and the same day on every Python, for ever.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.programs import generator
from tests.properties.day import Day
from tests.properties.interpreter import Program

T = TypeVar("T")
Case = tuple[Program, Day]
CALL_MILLISECONDS = 0.37  # nothing else is due then


@dataclass(frozen=True)
class Drawn:
    """Choices by Hypothesis."""

    draw: Callable[[st.SearchStrategy[int]], int]

    def among(self, options: Sequence[T]) -> T:
        return options[self.draw(st.integers(0, len(options) - 1))]


@dataclass(frozen=True)
class Seeded:
    """Choices by a seed."""

    source: random.Random

    def among(self, options: Sequence[T]) -> T:
        # `random()` alone is promised to stay the same from one Python to the next.
        return options[int(self.source.random() * len(options))]


@st.composite
def cases(draw: Callable[..., Any], limit: int = generator.COMMANDS_LIMIT) -> Case:
    choices = Drawn(draw)
    program = generator.program(choices, limit)
    return program, generator.day(choices)


def seeded(seed: int) -> Case:
    choices = Seeded(random.Random(seed))
    program = generator.program(choices)
    return program, generator.day(choices)


def repeatable(seed: int) -> Case:
    """As `seeded`, for histories that are compared with other runs of the same program.

    asyncio's as_completed begins coroutines in the order of a set, tasks in their own.
    """
    program, day = seeded(seed)
    return without(program, "completed_bare", "completed"), day


def portable(seed: int) -> Case:
    """As `repeatable`, for histories that are replayed on other Pythons.

    When wait_for is cancelled, and what it waits for goes on tidying up, Python 3.11 forgets the
    time limit, and 3.12 cancels once more.
    """
    program, day = repeatable(seed)
    return without(program, "wait_for", "timeout"), day


def alike(seed: int) -> Case:
    """As `portable`, for programs that make the same history on every Python.

    Tasks begin a turn of the loop earlier from 3.12 on: that may not decide who comes first.
    """
    program, day = portable(seed)
    return program, replace(day, call_milliseconds=CALL_MILLISECONDS)


def without(program: Program, kind: str, instead: str) -> Program:
    return json.loads(json.dumps(program).replace(f'["{kind}"', f'["{instead}"'))
