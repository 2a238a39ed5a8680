"""Which programs end alike however long anything takes: a crash must not change their end at all.

The others end lawfully too; a race that a crash delays may have another winner.
"""

from tests.properties.day import Day
from tests.properties.interpreter import Program

BESIDE_EACH_OTHER = {"gather", "group", "completed", "completed_bare", "limited", "queue"}
AGAINST_TIME = {"timeout", "wait_for", "shield", "race", "race_carelessly"}

IN_SEQUENCE = {
    "do",
    "seq",
    "sleep",
    "fail",
    "catch",
    "finally",
    "version",
    "version_loop",
    "stream",
}


def steady(program: Program, day: Day) -> bool:
    """Nobody cancels it, nothing races, no policy gives up, no failure stops what is beside it."""
    return day.cancel_after_milliseconds is None and _steady(program)


def _steady(program: Program) -> bool:
    match program:
        case ["do", _, "book_twice_at_most", *_]:
            return False
        case [str(kind), *rest]:
            if kind in AGAINST_TIME or (kind in BESIDE_EACH_OTHER and _may_fail(rest)):
                return False
            return all(map(_steady, rest))
        case list():
            return all(map(_steady, program))
        case _:
            return True


def _may_fail(program: Program) -> bool:
    match program:
        case ["do", _, _, script, _]:
            return "f" in script
        case ["fail"]:
            return True
        case list():
            return any(map(_may_fail, program))
        case _:
            return False


def one_at_a_time(program: Program, day: Day) -> bool:
    """Whether nothing is ever queued behind an append that is under way."""
    return day.cancel_after_milliseconds is None and not _kinds(program) - IN_SEQUENCE


def _kinds(program: Program) -> set[str]:
    if not isinstance(program, list):
        return set()
    own = {program[0]} if program and isinstance(program[0], str) else set()
    return own.union(*map(_kinds, program))
