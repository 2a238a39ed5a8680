"""Tests of single activations that read as a sentence: given this, when that, then so.

    given(process_payment, request, activity_succeeded(get_total_amount, Decimal("12.50")))
    .when(activity_failed(charge_credit_card, Declined(reason="expired")))
    .then(fails_with(Declined(reason="expired")))

Pure: no engine, no journal, no loop. `expectations` and `happenings` are its vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from perdure.domain.errors import Blocked
from perdure.domain.identity import execution_id
from perdure.domain.states import moment
from perdure.infrastructure.histories.document import History
from perdure.infrastructure.histories.replays import outside_tasks
from perdure.infrastructure.scenarios import happenings as words
from perdure.infrastructure.scenarios.activation import Activation
from perdure.infrastructure.scenarios.expectations import Expectation, Fact, facts_of, undoing
from perdure.infrastructure.scenarios.happenings import Happening, Passed
from perdure.sagas.workflow import Workflow

Q = TypeVar("Q")
R = TypeVar("R")

STARTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scenario(Generic[R]):
    """What has happened so far; made by `given`, and never changed. See the module."""

    workflow: Workflow[Any, R]
    beginning: Any  # the request, or a History
    started_at: datetime
    passed: tuple[Passed, ...] = ()
    happened: tuple[Happening, ...] = ()

    def when(self, happening: Happening) -> "Scenario[R]":
        """This happens next."""
        return replace(self, happened=(*self.happened, happening))

    def then(self, *expected: Expectation[R]) -> "Scenario[R]":
        """The body does exactly this, in any order, when the last thing has happened.

        AssertionError where it does anything else, or something that is said to have happened could
        not happen there. The scenario goes on with another `when`.
        """
        __tracebackhide__ = True
        if not expected:
            raise AssertionError("say what the body does then; asks_nothing() if it only waits")
        problem = outside_tasks(lambda: _problem(self, expected))
        if problem:
            raise AssertionError(problem)
        return self


@overload
def given(
    workflow: Workflow[Q, R],
    request: Q,
    /,
    *happened: words.Given,
    started_at: datetime = ...,
) -> Scenario[R]: ...


@overload
def given(
    workflow: Workflow[Any, R], /, *happened: words.Given, history: str | Path | History
) -> Scenario[R]: ...


def given(
    workflow: Workflow[Any, Any],
    /,
    *request_and_happened: Any,
    history: str | Path | History | None = None,
    started_at: datetime = STARTED_AT,
) -> Scenario[Any]:
    """An execution of this workflow, by its request or its recorded history, and what has happened.

    It starts at `started_at`; time stands still but for timers that fire. Without a `when`, `then`
    tells what the body does after the last thing that is given. HistoryNotUsable for a file that
    holds no history.

    >>> given(process_payment, request).then(asks_for(get_total_amount, "order-7"))
    """
    beginning: Any
    if history is None:
        beginning, *happened = request_and_happened
    else:
        beginning, happened = history, list(request_and_happened)
        if not isinstance(history, History):
            beginning = History.read(history)
    passed = tuple(each for each in happened if isinstance(each, Passed))
    if passed and history is not None:
        raise ValueError(f"{passed[0].words}: a recorded history tells which versions it passed")
    others = tuple(each for each in happened if not isinstance(each, Passed))
    return Scenario(workflow, beginning, started_at, passed, others)


def _problem(scenario: Scenario[Any], expected: Sequence[Expectation[Any]]) -> str:
    """What is wrong, in lines; empty when all is as expected."""
    activation = Activation(scenario.workflow, _id_of(scenario))
    try:
        last = _run(activation, scenario)
        facts = facts_of(activation)
        if any(each.key(activation)[0] == "undone" for each in expected):
            facts.append(undoing(activation))
        return _difference(activation, last, expected, facts)
    except Blocked as error:
        return str(error)
    finally:
        activation.leave()


def _id_of(scenario: Scenario[Any]) -> str:
    if isinstance(scenario.beginning, History):
        return scenario.beginning.execution_id
    workflow = scenario.workflow
    return execution_id(workflow.name, workflow.key_of(scenario.beginning))


def _run(activation: Activation, scenario: Scenario[Any]) -> str:
    """Lets everything happen; the last of it in words."""
    last = "its start"
    if isinstance(scenario.beginning, History):
        activation.replay(list(scenario.beginning.events))
        last = "its recorded history"
    else:
        versions = {each.change: each.number for each in scenario.passed}
        activation.begin(scenario.beginning, moment(scenario.started_at), versions)
    for happening in scenario.happened:
        if activation.ending is not None:
            raise AssertionError(f"{happening.words} cannot happen: the body has ended")
        activation.take(happening.event(activation))
        last = happening.words
    return last


def _difference(
    activation: Activation,
    last: str,
    expected: Sequence[Expectation[Any]],
    facts: Sequence[Fact],
) -> str:
    left, missing = list(facts), []
    for each in expected:
        found = next((fact for fact in left if each.fits(fact, activation)), None)
        if found is None:
            missing.append(each)
        else:
            left.remove(found)
    if not missing and not left:
        return ""
    lines = [f"after {last} the body of {activation.workflow.name} does not do what is expected"]
    lines += [f"  missing:  it {each.words}" for each in missing]
    lines += [f"  instead:  it {each.words}{_at(each)}" for each in left]
    as_said = [each for each in facts if each not in left]
    lines += [f"  as said:  it {each.words}" for each in as_said]
    return "\n".join(lines)


def _at(fact: Fact) -> str:
    return f"  ({fact.where})" if fact.where else ""
