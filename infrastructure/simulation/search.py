"""The search for a schedule that breaks a workflow. Hypothesis draws; `shortening` shortens.

A schedule is built fault by fault: each next one is among what was really possible after the last
one, in the run so far. So every fault that is drawn happens, and each schedule on the way is tried
too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given
from hypothesis import strategies as st

from perdure.infrastructure.simulation.performing import Failing
from perdure.infrastructure.simulation.remembering import OwnShelf
from perdure.infrastructure.simulation.schedule import FAILURE, Fault, Moment, written
from perdure.infrastructure.simulation.trial import Subject, try_once
from perdure.infrastructure.simulation.violation import Violation
from perdure.sagas.failure import Failure

SYSTEMATIC = (*(False,) * 31, True)  # whether everything that could follow is tried too
# What leaves it open whether something was done, and what asks for a rollback.
OPEN_ENDED = ("crash after", "crash within, not stored", "answer lost", "timeout after", "unsure")
TURNING = ("cancel", FAILURE)
ANY_HEALTH = tuple(HealthCheck.__members__.values())  # what takes long here is meant to
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@dataclass
class Search:
    """See the module. Hypothesis remembers by `name` what has failed.

    `requests` draws one list of them; `failures` are the user's, by name. `tried` are the requests
    of the last trial, `raised` the failures that were made up for it.
    """

    name: str
    subject: Subject
    requests: st.SearchStrategy[list[Any]]
    failures: Mapping[str, Failure]
    most_faults: int
    without: frozenset[str]
    tried: list[Any] = field(default_factory=list)
    raised: dict[str, Failure] = field(default_factory=dict)

    def by_hypothesis(self, examples: int, given_settings: hypothesis.settings | None) -> None:
        """Raises the first Violation that is found.

        Before anything is drawn the simplest requests meet every single fault, and the pairs of
        faults that matter most.
        """
        self._all_that_follow(self.once([]), [], self._simple)
        chosen = given_settings or hypothesis.settings(max_examples=examples)
        database = chosen.database
        settings = hypothesis.settings(
            chosen,
            database=None if database is None else OwnShelf(database, self.name),
            deadline=None,
            suppress_health_check=ANY_HEALTH,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[phase for phase in NO_SHRINKING if phase in chosen.phases],
        )

        @settings
        @given(st.data())
        def check(data: st.DataObject) -> None:
            self._example(data)

        check()

    def once(self, faults: Sequence[Fault]) -> Sequence[Moment]:
        """Tries one schedule, with the simplest requests that there are."""
        self.tried = simplest(self.requests)
        self.raised = dict(self.failures)
        return self.attempt(faults)

    def attempt(self, faults: Sequence[Fault]) -> Sequence[Moment]:
        """One trial with the same requests, and the simplest failures where none was made up."""
        return try_once(self.subject, self.tried, faults, self._simple)

    def _simple(self, kind: type[Failure]) -> Failure:
        name = kind.failure_name
        if name not in self.raised:
            self.raised[name] = simplest(st.builds(kind))
        return self.raised[name]

    def following(self, moments: Sequence[Moment], faults: Sequence[Fault]) -> list[Fault]:
        """What could go wrong after the last fault of these."""
        first = 0
        if faults:
            last = faults[-1][:2]
            first = next(at for at, moment in enumerate(moments, 1) if moment[:2] == last)
        return [
            (kind, number, what)
            for kind, number, possible in moments[first:]
            for what in possible
            if what not in self.without
        ]

    def _example(self, data: st.DataObject) -> None:
        self.tried = data.draw(self.requests)
        self.raised = dict(self.failures)
        failing = self._drawn(data)
        faults: list[Fault] = []
        moments = try_once(self.subject, self.tried, faults, failing)
        for _ in range(data.draw(st.integers(0, self.most_faults))):
            following = self.following(moments, faults)
            if not following:
                break
            wanted = data.draw(st.sampled_from(sorted({group_of(each) for each in following})))
            chosen = [fault for fault in following if group_of(fault) == wanted]
            faults.append(data.draw(st.sampled_from(chosen)))
            moments = try_once(self.subject, self.tried, faults, failing)
        if data.draw(st.sampled_from(SYSTEMATIC)):
            self._all_that_follow(moments, faults, failing)
        for _, _, what in faults:
            hypothesis.event(f"fault: {what}")

    def _all_that_follow(
        self, moments: Sequence[Moment], faults: Sequence[Fault], failing: Failing
    ) -> None:
        """Every fault that could be next; and after those that leave much open, every turn."""
        for fault in self.following(moments, faults):
            more = [*faults, fault]
            then = try_once(self.subject, self.tried, more, failing)
            if fault[2] in OPEN_ENDED:
                for turn in self.following(then, more):
                    if turn[2].startswith(TURNING):
                        try_once(self.subject, self.tried, [*more, turn], failing)

    def _drawn(self, data: st.DataObject) -> Failing:
        def failing(kind: type[Failure]) -> Failure:
            name = kind.failure_name
            if name not in self.raised:
                self.raised[name] = data.draw(st.builds(kind))
            return self.raised[name]

        return failing

    def once_more(self, violation: Violation) -> str:
        """The call that repeats a violation, as far as it can be written down here."""
        call = f"check_workflow({self.subject.workflow.name}, requests={self.tried!r}"
        call += f', schedule="{written(violation.happened)}"'
        made = [name for _, _, what in violation.happened if (name := failure_of(what))]
        if made:
            call += f", failures={[self.raised[name] for name in dict.fromkeys(made)]!r}"
        if len(self.tried) > 1:
            call += f", executions={len(self.tried)}"
        return f"{call}{self.subject.told})"


def group_of(fault: Fault) -> str:
    """Which faults are alike: one group is drawn as often as another, however large it is."""
    moment, _, what = fault
    if what.startswith("crash"):
        return "crash"
    if what.startswith(TURNING):
        return "turn"
    return moment


def simplest(strategy: st.SearchStrategy[Any]) -> Any:
    """What Hypothesis shrinks to when everything will do."""
    settings = hypothesis.settings(
        max_examples=20, database=None, derandomize=True, verbosity=Verbosity.quiet
    )
    return hypothesis.find(strategy, lambda _: True, settings=settings)


def failure_of(what: str) -> str:
    """The declared failure that a fault names, if it names one."""
    return what.removeprefix(FAILURE) if what.startswith(FAILURE) else ""
