"""Shortening: from a schedule that breaks a workflow to the shortest one that does.

Schedules of no fault, of one, of two and so on are tried, made of the kinds of faults that the one
that was found is made of; a single fault may be any. So many trials are made and no more; then
faults are left out one by one. At last the requests are made as simple as the schedule allows.
"""

from collections.abc import Sequence
from typing import Any

import hypothesis
from hypothesis import Phase, Verbosity
from hypothesis.errors import NoSuchExample

from perdure.infrastructure.simulation.schedule import Fault, Moment
from perdure.infrastructure.simulation.search import ANY_HEALTH, Search
from perdure.infrastructure.simulation.violation import Violation

TRIALS_LIMIT = 2_000
REQUESTS_LIMIT = 300


class EnoughTried(Exception):
    """As many trials as there may be."""


def shortest(search: Search, found: Violation) -> Violation:
    """The violation by the shortest schedule; `search.tried` are its requests then."""
    best = Shortening(search, found).shortened()
    return with_simplest_requests(search, best)


class Shortening:
    """One search for something shorter."""

    def __init__(self, search: Search, found: Violation) -> None:
        self._search = search
        self._found = found
        self._kinds = {(moment, what) for moment, _, what in found.happened}
        self._trials = 0
        self._held: dict[tuple[Fault, ...], Sequence[Moment]] = {}

    def shortened(self) -> Violation:
        try:
            for length in range(len(self._found.happened)):
                self._all_of(length, ())
        except Violation as shorter:
            return shorter
        except EnoughTried:
            return self._with_fewer(self._found)
        return self._found

    def _all_of(self, length: int, faults: tuple[Fault, ...]) -> None:
        moments = self._attempt(faults)
        if len(faults) == length:
            return
        for fault in self._search.following(moments, faults):
            if length == 1 or (fault[0], fault[2]) in self._kinds:
                self._all_of(length, (*faults, fault))

    def _with_fewer(self, found: Violation) -> Violation:
        for left_out in range(len(found.happened)):
            fewer = [each for at, each in enumerate(found.happened) if at != left_out]
            try:
                self._search.attempt(fewer)
            except Violation as shorter:
                return self._with_fewer(shorter)
        return found

    def _attempt(self, faults: tuple[Fault, ...]) -> Sequence[Moment]:
        """Raises Violation and EnoughTried."""
        if faults not in self._held:
            self._trials += 1
            if self._trials > TRIALS_LIMIT:
                raise EnoughTried
            self._held[faults] = self._search.attempt(faults)
        return self._held[faults]


def with_simplest_requests(search: Search, found: Violation) -> Violation:
    """The same schedule, with requests that Hypothesis has shrunk; and failures likewise."""
    before, made = search.tried, dict(search.raised)
    search.raised = dict(search.failures)
    settings = hypothesis.settings(
        max_examples=REQUESTS_LIMIT,
        database=None,
        derandomize=True,
        deadline=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=ANY_HEALTH,
        phases=[Phase.generate, Phase.shrink],
    )
    best = found

    def breaks(requests: list[Any]) -> bool:
        nonlocal best
        search.tried = requests
        try:
            search.attempt(found.happened)
        except Violation as violation:
            if violation.happened != found.happened:
                return False
            best = violation
            return True
        return False

    try:
        search.tried = hypothesis.find(search.requests, breaks, settings=settings)
        breaks(search.tried)
    except NoSuchExample:
        search.tried, search.raised = before, made
    return best
