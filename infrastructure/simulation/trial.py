"""A trial: a user's workflow in one world, by one schedule, and whether all that holds has held.

The user's own world is made anew for each trial. What a run should never come to, a hang or a body
with a defect, is a violation as much as a broken invariant.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from perdure.domain import events
from perdure.infrastructure.simulation.customer import Customer
from perdure.infrastructure.simulation.fakes import Fakes
from perdure.infrastructure.simulation.invariants import check_world
from perdure.infrastructure.simulation.machine import NothingWillHappen, TakesForEver
from perdure.infrastructure.simulation.performing import Failing, TooManyAttempts
from perdure.infrastructure.simulation.prefixes import Replays
from perdure.infrastructure.simulation.schedule import Fault, Listed, Moment, written
from perdure.infrastructure.simulation.story import story
from perdure.infrastructure.simulation.violation import Violation, demand
from perdure.infrastructure.simulation.world import Circumstances, World
from perdure.sagas.activity import Activity
from perdure.sagas.history import HistoryEvent, history_of
from perdure.sagas.workflow import Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one execution of a trial ended, for an invariant.

    `state`: "succeeded", "failed", "compensated", "cancelled", or "stuck" where a compensation
    cannot be done. `result` is what it returned, `error` what it raised, None if it did not.
    """

    execution_id: str
    request: Any
    state: str
    result: Any = None
    error: BaseException | None = None
    history: Sequence[HistoryEvent] = ()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is tried: a workflow, with everything that a user says about it."""

    workflow: Workflow[Any, Any]
    make_world: Callable[[], Any] | None
    invariant: Callable[..., object] | None
    make_fakes: Callable[[Any], Fakes]
    activities: Iterable[Activity[..., Any]] = ()
    circumstances: Circumstances = field(default_factory=Circumstances)
    replays: Replays = field(default_factory=Replays)
    told: str = ""  # the rest of the call that has made it, as code


def try_once(
    subject: Subject, requests: Sequence[Any], faults: Sequence[Fault], failing: Failing
) -> Sequence[Moment]:
    """All moments that there were. Raises Violation with its story, and what refuses a trial."""
    own = None if subject.make_world is None else subject.make_world()
    fakes = subject.make_fakes(own)
    schedule = Listed(faults)
    world = World(
        [subject.workflow],
        activities=tuple(subject.activities),
        schedule=schedule,
        circumstances=subject.circumstances,
        known=fakes.find,
        failing=failing,
        replays=subject.replays,
    )
    customers = [world.order(subject.workflow, request) for request in requests]
    try:
        try:
            run_to_the_end(world)
            for customer in customers:
                check_end(world, customer)
            if subject.invariant is not None:
                ask(subject.invariant, own, world)
        finally:
            world.close()
        check_world(world)
    except Violation as violation:
        violation.happened = list(schedule.happened)
        violation.story = story(world, "" if len(customers) > 1 else customers[0].execution_id)
        raise
    return schedule.moments


def run_to_the_end(world: World) -> None:
    try:
        world.run()
    except (NothingWillHappen, TakesForEver) as hang:
        raise Violation(f"it never ends: {hang}") from hang
    except TooManyAttempts as error:
        raise Violation(f"it never ends: {error}{told_of_errors(world)}") from error


def told_of_errors(world: World) -> str:
    """The last error of a fake's own, which is retried for ever perhaps."""
    own = [each for each in world.calls.made if each.raised is not None and not each.fault]
    return f"; its last error: {own[-1].raised!r}" if own else ""


def check_end(world: World, customer: Customer) -> None:
    """No defect of the body, and nothing parked but what cannot be undone."""
    stream = world.stream(customer.execution_id)
    for event in stream:
        if isinstance(event, events.ExecutionSuspended) and event.cause == "defect":
            demand(event.error is None, f"its body has a defect: {told_defect(event)}")
    if customer.parked is not None and customer.parked.state == "suspended":
        reason = customer.parked.reason
        raise Violation(f"it stays suspended, however often it is resumed: {reason}")


def told_defect(event: events.ExecutionSuspended) -> str:
    error = event.error
    assert error is not None
    return f"{error}\n{error.traceback}".rstrip()


def ending_of(world: World, customer: Customer) -> Ending:
    name = customer.execution_id
    end = customer.end
    failed = isinstance(end, BaseException)
    return Ending(
        execution_id=name,
        request=customer.request,
        state=world.storage.log.executions[name].state,
        result=None if failed else end,
        error=end if isinstance(end, BaseException) else None,
        history=tuple(history_of(world.stream(name))),
    )


def ask(invariant: Callable[..., object], own: Any, world: World) -> None:
    """Lets the user's invariant judge. One that knows of no endings is not asked of stuck ones."""
    takes_endings = len(inspect.signature(invariant).parameters) > 1
    if not takes_endings and any(customer.parked for customer in world.customers):
        return
    name = getattr(invariant, "__name__", "the invariant")
    try:
        if takes_endings:
            held = invariant(own, [ending_of(world, each) for each in world.customers])
        else:
            held = invariant(own)
    except Exception as error:
        why = f": {error}" if str(error) else ""
        raise Violation(f"{name} raised {type(error).__name__}{why}") from error
    demand(held is not False, f"{name} does not hold")


def told(subject: Subject, violation: Violation, once_more: str) -> str:
    """A violation for a person: what, the schedule, the story, and how to see it again."""
    faults = written(violation.happened) or "nothing goes wrong at all"
    return (
        f"{subject.workflow.name}: {violation}\n\n"
        f"The shortest schedule that shows it: {faults}\n\n"
        f"{violation.story}\n\n"
        f"Once more:\n\n    {once_more}\n"
    )
