"""Proving: from what a user has said to a search, and from what it finds to what is told.

The one part of `check_workflow` that needs Hypothesis, with `search` and `shortening`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis
from hypothesis import strategies as st
from pydantic import ValidationError

from perdure.domain.errors import BadIdentity
from perdure.infrastructure.simulation.schedule import read
from perdure.infrastructure.simulation.search import Search
from perdure.infrastructure.simulation.shortening import shortest
from perdure.infrastructure.simulation.trial import Subject, told
from perdure.infrastructure.simulation.violation import Violation
from perdure.sagas.errors import PayloadError
from perdure.sagas.failure import Failure
from perdure.sagas.workflow import Workflow


def search_for(
    subject: Subject,
    *,
    name: str,
    requests: st.SearchStrategy[Any] | Sequence[Any],
    executions: int,
    failures: Mapping[str, Failure],
    most_faults: int,
    without: frozenset[str],
) -> Search:
    """The search that a user means."""
    workflow = subject.workflow
    if isinstance(requests, st.SearchStrategy):
        drawn = valid(requests).filter(lambda request: can_be_started(workflow, request))
    else:
        drawn = st.sampled_from(list(requests))
    several = st.lists(drawn, min_size=1, max_size=executions, unique_by=workflow.key_of)
    return Search(name, subject, several, failures, most_faults, without)


def prove(
    search: Search, schedule: str | None, examples: int, settings: hypothesis.settings | None
) -> None:
    """Raises the Violation that is found, by its shortest schedule and with its story."""
    __tracebackhide__ = True
    try:
        if schedule is None:
            search.by_hypothesis(examples, settings)
        else:
            search.once(read(schedule))
    except Violation as violation:
        found = shortest(search, violation) if schedule is None else violation
        raise Violation(told(search.subject, found, search.once_more(found))) from None


@st.composite
def valid(draw: st.DrawFn, requests: st.SearchStrategy[Any]) -> Any:
    """Without what a request's own type refuses: `builds` knows of types, not of validators."""
    try:
        return draw(requests)
    except ValidationError:
        hypothesis.reject()


def can_be_started(workflow: Workflow[Any, Any], request: Any) -> bool:
    """Not a request whose key no execution can have, or that cannot be encoded."""
    try:
        workflow.key_of(request)
        workflow.encode_request(request)
    except (BadIdentity, PayloadError):
        return False
    return True
