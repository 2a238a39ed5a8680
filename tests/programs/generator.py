"""The generator of random programs, and of the day that one is run on.

It knows only `Choices`, so Hypothesis and a seed drive the same one; what is listed first is what
Hypothesis shrinks to. Programs are `tests.properties.interpreter`'s, of at most 20 commands.
"""

from collections.abc import Sequence
from itertools import count
from typing import Protocol, TypeVar

from tests.properties.day import Day
from tests.properties.interpreter import Program

T = TypeVar("T")

COMMANDS_LIMIT = 20
PARTS_LIMIT = 4

NAMES = (
    *("look", "book", "book", "book", "book", "book_twice_at_most", "book_quickly"),
    *("book_or_park", "book_in_thread", "book_quickly_in_thread"),
)
SCRIPTS = ("", "", "", "", "s", "t", "d", "l", "f", "p", "dl", "ld", "df", "lf", "tl", "sp")
UNDOS = ("", "", "", "", "d", "l", "ld", "f")
MILLISECONDS = (0, 5, 10, 20, 30, 40)
CHANGES = (1, 2, 3)

LEAVES = ("do", "do", "do", "do", "do", "do", "sleep", "version_alone", "fail", "suspend")
SEVERAL = (
    *("seq", "seq", "seq", "gather", "group", "gather_all", "race", "race_carelessly"),
    *("completed", "completed_bare", "limited", "queue", "version_loop"),
)
ONE = ("catch", "finally", "version", "timeout", "wait_for", "shield", "catch_cancel", "stream")


class Choices(Protocol):
    """Where the generator's decisions come from."""

    def among(self, options: Sequence[T]) -> T:
        """One of these."""
        ...


def program(choices: Choices, limit: int = COMMANDS_LIMIT) -> Program:
    """Of at most so many commands. Only its outermost sequence may have a defect in it."""
    small = max(1, limit // 4)  # and quick
    most = choices.among((small, 2 * small, limit))
    commands = choices.among(range(1, most + 1))
    parts = [part(choices, size) for size in split(choices, commands)]
    if choices.among((False,) * 9 + (True,)):
        parts.insert(choices.among(range(len(parts) + 1)), ["defect"])
    return numbered(parts[0] if len(parts) == 1 else ["seq", parts])


def part(choices: Choices, commands: int) -> Program:
    """Of exactly so many commands, but for what a kind needs at least."""
    if commands <= 1:
        return leaf(choices)
    kinds = SEVERAL + ONE if commands > 2 else ONE
    kind = choices.among(kinds)
    if kind in ONE:
        return around(choices, kind, commands - 1)
    parts = [part(choices, size) for size in split(choices, commands - 1)]
    if kind == "version_loop":
        return [kind, choices.among(CHANGES), parts]
    if kind == "completed_bare":  # what begins alike there is to be refused: see the races
        parts = [["seq", [do(choices), each]] for each in parts]
    return [kind, parts]


def around(choices: Choices, kind: str, commands: int) -> Program:
    if kind == "version":
        return [kind, choices.among(CHANGES), part(choices, commands)]
    if kind == "stream":
        inner = [part(choices, size) for size in split(choices, max(1, commands - 1))]
        return [kind, inner, leaf(choices)]
    first = choices.among(range(1, commands + 1))
    parts = [part(choices, first), part(choices, max(1, commands - first))]
    if kind in ("timeout", "wait_for", "shield"):
        return [kind, choices.among(MILLISECONDS), *parts]
    return [kind, *parts]


def leaf(choices: Choices) -> Program:
    match choices.among(LEAVES):
        case "sleep":
            return ["sleep", choices.among(MILLISECONDS)]
        case "version_alone":
            return ["version", choices.among(CHANGES), do(choices)]
        case "fail":
            return ["fail"]
        case "suspend":
            return ["suspend", "somebody has to look"]
        case _:
            return do(choices)


def do(choices: Choices) -> Program:
    return ["do", 0, *map(choices.among, (NAMES, SCRIPTS, UNDOS))]


def split(choices: Choices, commands: int) -> list[int]:
    """So many commands as sizes of parts."""
    sizes: list[int] = []
    while commands > 0 and len(sizes) < PARTS_LIMIT - 1:
        sizes.append(choices.among(range(1, commands + 1)))
        commands -= sizes[-1]
    return [*sizes, commands] if commands else sizes


def numbered(program: Program, sites: "count[int] | None" = None) -> Program:
    """The same program with its activities numbered."""
    sites = sites or count(1)
    if not isinstance(program, list):
        return program
    if program[:1] == ["do"]:
        return ["do", next(sites), *program[2:]]
    return [numbered(each, sites) for each in program]


def day(choices: Choices) -> Day:
    return Day(
        commit_milliseconds=choices.among((0, 0, 4, 10)),
        slots=choices.among((4_096, 4_096, 4_096, 1)),
        cancel_after_milliseconds=choices.among((None, None, None, None, 0, 5, 14, 40)),
        resume_after_milliseconds=choices.among((0, 5, 50)),
    )
