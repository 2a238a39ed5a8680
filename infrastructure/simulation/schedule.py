"""A schedule: what goes wrong in a world, and at which of its moments.

Moments of each kind are counted through the whole world, from 1. A schedule is asked at every one;
what is possible there is said with it. `Listed` has its faults written down, and can be written and
read as text; others may throw dice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

# By the moment: what can happen there. The first of each kind are the plainest.
APPEND = (
    *("crash before", "crash after", "crash within, not stored", "crash within, stored"),
    *("unavailable", "unsure", "slow", "frozen", "frozen after", "not renewed"),
    *("lease lost", "cancel", "clock forward"),
)
CALL = ("crash before", "crash after", "defect", "answer lost", "slow")
FAILURE = "failure "  # and the name of a declared one, in a call
CALL_TIMED = ("timeout before", "timeout after")  # where there is a time limit
CALL_SUSPENDS = ("suspend",)  # in an activity
READ = ("unavailable", "slow")
POST = ("twice", "late", "unavailable", "unsure")
BEGIN = ("clock behind", "clock ahead")  # of a runner's process
MOMENTS = {
    "append": APPEND,
    "call": (*CALL, *CALL_TIMED, *CALL_SUSPENDS),
    "read": READ,
    "post": POST,
    "begin": BEGIN,
}

Fault: TypeAlias = tuple[str, int, str]  # ("append", 3, "crash after")
Moment: TypeAlias = tuple[str, int, tuple[str, ...]]  # and what was possible there


class Schedule(Protocol):
    """See the module. `happened` are the faults that the world came to, in their order."""

    happened: list[Fault]
    counts: Counter[str]  # of the moments so far, by kind

    def at(self, moment: str, possible: Sequence[str]) -> str:
        """What goes wrong at this moment: one of these, or nothing ("")."""
        ...


class Listed:
    """The faults of a list; those that are not possible when their moment comes do not happen.

    `moments` are all that there were, in their order.
    """

    __slots__ = ("_faults", "counts", "happened", "moments")

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = {(moment, number): what for moment, number, what in faults}
        self.happened: list[Fault] = []
        self.counts: Counter[str] = Counter()
        self.moments: list[Moment] = []

    def at(self, moment: str, possible: Sequence[str]) -> str:
        number = self.counts[moment] = self.counts[moment] + 1
        self.moments.append((moment, number, tuple(possible)))
        what = self._faults.get((moment, number), "")
        if what not in possible:
            return ""
        self.happened.append((moment, number, what))
        return what


class BadSchedule(ValueError):
    """A text that is no schedule."""


def written(faults: Iterable[Fault]) -> str:
    """A schedule as one line, like "append 3: crash after; call 2: answer lost"."""
    return "; ".join(f"{moment} {number}: {what}" for moment, number, what in faults)


def read(text: str) -> list[Fault]:
    """What `written` has written. Raises BadSchedule."""
    found: list[Fault] = []
    for part in filter(None, map(str.strip, text.split(";"))):
        match = re.fullmatch(r"([a-z]+) (\d+): (.+)", part)
        if match is None:
            raise BadSchedule(f'{part!r} is no fault; one is written like "append 3: crash after"')
        moment, number, what = match.groups()
        if moment not in MOMENTS:
            raise BadSchedule(f"{part!r}: no such moment; there are {', '.join(MOMENTS)}")
        declared = moment == "call" and what.startswith(FAILURE)
        if what not in MOMENTS[moment] and not declared:
            possible = ", ".join(MOMENTS[moment])
            raise BadSchedule(f"{part!r}: no such fault; at {moment} there are: {possible}")
        found.append((moment, int(number), what))
    return found
