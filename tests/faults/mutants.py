"""Small mistakes in our own code, each made for a while by patching one name.

They are the mistakes that a careful person might make; the checks that the engine passes have to
notice every one of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from perdure.domain import events, rollback
from perdure.domain.execution import Execution
from perdure.domain.records import Phase
from perdure.sagas import recovery, replay
from perdure.sagas.body import BodyRun
from perdure.sagas.compensation import Compensation
from perdure.sagas.forward import Forward
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.loop import BodyLoop
from perdure.sagas.requests import ActivityRequest
from perdure.sagas.slots import Slots

Mutant = Callable[[], AbstractContextManager[Any]]
MUTANTS: dict[str, Mutant] = {}


def mutant(make: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
    MUTANTS[make.__name__.replace("_", " ")] = contextmanager(make)
    return make


@mutant
def performed_before_it_is_stored() -> Iterator[None]:
    submit = LiveExecution.submit

    def early(self: LiveExecution) -> None:
        submit(self)
        self.stored_version = self.state.version
        self.perform()

    with patch.object(LiveExecution, "submit", early):
        yield


@mutant
def undone_in_the_order_of_doing() -> Iterator[None]:
    plan = rollback.plan
    with patch.object(rollback, "plan", lambda *given: plan(*given)[::-1]):
        yield


@mutant
def arguments_not_compared() -> Iterator[None]:
    same = replay._same_bytes

    def lax(request: Any, event: Any) -> bool:
        if isinstance(request, ActivityRequest) and isinstance(event, events.ActivityStarted):
            return replay._same_name(request, event)
        return same(request, event)

    with patch.object(replay, "_same_bytes", lax):
        yield


@mutant
def attempts_not_counted() -> Iterator[None]:
    apply = Execution.apply

    def forgetful(self: Execution, event: events.Event) -> None:
        apply(self, event)
        if isinstance(event, events.ActivityStarted):
            self.activities[event.ordinal].attempt = 1

    with patch.object(Execution, "apply", forgetful):
        yield


@mutant
def bodies_left_as_garbage() -> Iterator[None]:
    with patch.object(BodyLoop, "dismiss", lambda self: True):
        yield


@mutant
def results_fed_to_the_first_branch_that_waits() -> Iterator[None]:
    answered = BodyRun._answered

    def first(self: BodyRun, ordinal: int, kind: Any) -> Any:
        waiting = [o for o, request in self.open.items() if isinstance(request, kind)]
        return answered(self, min([ordinal, *waiting]), kind)

    with patch.object(BodyRun, "_answered", first):
        yield


@mutant
def ended_twice() -> Iterator[None]:
    record = LiveExecution.record

    def twice(self: LiveExecution, event: events.Event) -> None:
        record(self, event)
        if isinstance(event, events.TERMINAL):
            record(self, event)

    with patch.object(LiveExecution, "record", twice):
        yield


@mutant
def attempts_in_flight_at_a_crash_forgotten() -> Iterator[None]:
    with patch.object(recovery, "crashed", lambda execution, *, stopped: None):
        yield


@mutant
def slot_of_an_unissued_attempt_kept_from_others() -> Iterator[None]:
    unissued = Forward._unissued

    def silent(self: Forward, ordinal: int) -> None:
        with patch.object(Slots, "hand_on", lambda slots: None):
            unissued(self, ordinal)

    with patch.object(Forward, "_unissued", silent):
        yield


@mutant
def unissued_taken_for_never_done() -> Iterator[None]:
    apply = Execution.apply

    def hopeful(self: Execution, event: events.Event) -> None:
        apply(self, event)
        if isinstance(event, events.AttemptFailed) and event.kind == "unissued":
            self.activities[event.ordinal].phase = Phase.FAILED

    with patch.object(Execution, "apply", hopeful):
        yield


@mutant
def undone_without_the_result() -> Iterator[None]:
    bind = Compensation.bind
    with patch.object(Compensation, "bind", lambda self, arguments, _: bind(self, arguments, None)):
        yield
