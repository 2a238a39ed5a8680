"""`check_workflow`: that a saga ends all-or-nothing whatever goes wrong, tried in many worlds.

What a user says is put together here; `proving` does it, with Hypothesis, which only that needs.
"""

import asyncio
import importlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from perdure.infrastructure.simulation.fakes import Fake, Fakes, Named
from perdure.infrastructure.simulation.schedule import FAILURE, MOMENTS
from perdure.infrastructure.simulation.trial import Ending, Subject
from perdure.sagas.activity import Activity
from perdure.sagas.failure import Failure
from perdure.sagas.watchdog import watchdog
from perdure.sagas.workflow import Workflow

if TYPE_CHECKING:
    import hypothesis
    from hypothesis import strategies as st

Q = TypeVar("Q")
W = TypeVar("W")


def check_workflow(
    workflow: Workflow[Q, Any],
    *,
    requests: "st.SearchStrategy[Q] | Sequence[Q]",
    world: Callable[[], W] | None = None,
    invariant: Callable[[W], object] | Callable[[W, Sequence[Ending]], object] | None = None,
    fakes: Mapping[Named, Fake] | None = None,
    real: Iterable[Named] = (),
    activities: Iterable[Activity[..., Any]] = (),
    failures: Iterable[Failure] = (),
    executions: int = 1,
    most_faults: int = 3,
    without: Iterable[str] = (),
    examples: int = 100,
    settings: "hypothesis.settings | None" = None,
    schedule: str | None = None,
) -> None:
    """Proves by many trials that a workflow ends all-or-nothing, whatever goes wrong.

    Each trial runs the real engine on a journal in memory, in virtual time, while processes die,
    answers get lost, messages arrive twice, leases end, activities break, hang or fail, and
    somebody cancels. Raises Violation (an AssertionError) with the shortest schedule that was
    found, the story of it and the line that repeats it, when the `invariant` or one of these does
    not hold: every prefix of the history replays to the same requests; nothing recorded runs again;
    idempotency keys never change; it ends succeeded, or compensated completely and in reverse
    order, or visibly stuck.

    `requests`: a strategy, or some requests. `world`: makes the user's fake world for each trial;
    its methods stand in for the activities, compensations and probes of the same name, or `fakes`
    do; what has none is refused, unless `real` names it. `invariant`: is given that world when all
    has ended, and if it takes two arguments, the Endings; it raises, or returns False. `failures`:
    raised where a declared one of that class is to be; others are made up. `executions`: up to so
    many at once. `most_faults`: in one trial. `without`: faults that are not to happen. `examples`,
    `settings`: Hypothesis's. `schedule`: only this one, as a violation has printed it.

    >>> def test_payments_end_all_or_nothing():
    ...     payments = st.builds(ProcessPayment)
    ...     check_workflow(process_payment, requests=payments, world=Shop, invariant=books_balance)
    """
    __tracebackhide__ = True
    proving, caller = with_hypothesis(), sys._getframe(1).f_code
    subject = Subject(
        workflow=workflow,
        make_world=world,
        invariant=invariant,
        make_fakes=lambda own: Fakes(fakes, world=own, real=real),
        activities=tuple(activities),
        told=named(world=world, invariant=invariant) + (", ..." if fakes or real else ""),
    )
    search = proving.search_for(
        subject,
        name=f"{workflow.name} in {caller.co_qualname} of {Path(caller.co_filename).name}",
        requests=requests,
        executions=executions,
        failures={type(each).failure_name: each for each in failures},
        most_faults=most_faults,
        without=excluded(without),
    )
    with in_silence():
        proving.prove(search, schedule, examples, settings)


@contextmanager
def in_silence() -> Iterator[None]:
    """Things break on purpose, and the story tells of them; one watchdog is there for all."""
    log, level = logging.getLogger("perdure"), logging.getLogger("perdure").level
    log.setLevel(logging.CRITICAL + 1)
    watchdog.open()
    try:
        yield
    finally:
        watchdog.close()
        log.setLevel(level)


def with_hypothesis() -> ModuleType:
    """What needs it. ModuleNotFoundError tells where it comes from.

    RuntimeError where a loop runs: many others would have to run within it.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("check_workflow has loops of its own: call it from a plain `def test_`")
    try:
        return importlib.import_module("perdure.infrastructure.simulation.proving")
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("perdure"):
            raise
        raise ModuleNotFoundError(
            f"check_workflow needs {error.name}, which comes with perdure[testing]",
            name=error.name,
        ) from error


def named(**arguments: object) -> str:
    """Functions and classes as they are written in a call."""
    return "".join(
        f", {name}={getattr(value, '__name__', '...')}"
        for name, value in arguments.items()
        if value is not None
    )


def excluded(without: Iterable[str]) -> frozenset[str]:
    """ValueError for what is no fault."""
    names = frozenset(without)
    known = {what for possible in MOMENTS.values() for what in possible}
    for name in sorted(names):
        if name not in known and not name.startswith(FAILURE):
            possible = ", ".join(sorted(known))
            raise ValueError(f"without={name!r}: there is no such fault; there are {possible}")
    return names
