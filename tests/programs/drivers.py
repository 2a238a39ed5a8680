"""The two drivers of the generator: Hypothesis, and a seed.

A seed makes the same program and the same day on every Python, for ever.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

from tests.programs import generator
from tests.properties.day import Day
from tests.properties.interpreter import Program

T = TypeVar("T")
Case = tuple[Program, Day]


@dataclass(frozen=True)
class Drawn:
    """Choices by Hypothesis."""

    draw: Callable[[st.SearchStrategy[T]], T]

    def among(self, options: Sequence[T]) -> T:
        return options[self.draw(st.integers(0, len(options) - 1))]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Seeded:
    """Choices by a seed."""

    source: random.Random

    def among(self, options: Sequence[T]) -> T:
        # `random()` alone is promised to stay the same from one Python to the next.
        return options[int(self.source.random() * len(options))]


@st.composite
def cases(draw: Callable[..., T], limit: int = generator.COMMANDS_LIMIT) -> Case:
    choices = Drawn(draw)
    program = generator.program(choices, limit)
    return program, generator.day(choices, program)


def seeded(seed: int) -> Case:
    choices = Seeded(random.Random(seed))
    program = generator.program(choices)
    return program, generator.day(choices, program)


def repeatable(seed: int) -> Case:
    """As `seeded`, for histories that are compared with other runs of the same program.

    asyncio's as_completed begins coroutines in the order of a set, tasks in their own.
    """
    program, day = seeded(seed)
    return json.loads(json.dumps(program).replace('"completed_bare"', '"completed"')), day
