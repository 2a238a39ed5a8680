"""Mistakes about bodies and attempts: what is fed, what is tried, what it is given."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from perdure.domain import events
from perdure.domain.errors import Blocked
from perdure.domain.execution import Execution
from perdure.domain.identity import idempotency_key
from perdure.domain.records import Phase
from perdure.sagas import asking, forward, replay
from perdure.sagas.body import NOTHING, BodyRun
from perdure.sagas.forward import Forward
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.loop import BodyLoop
from perdure.sagas.replay import Feeding
from perdure.sagas.requests import ActivityRequest
from perdure.sagas.residents import Residents
from perdure.sagas.slots import Slots
from perdure.sagas.timers import Timers
from tests.simulation.mutants.registry import Registry, nothing

GOING_ON = Registry()
mutant = GOING_ON.mutant

GOING_ON.replaced("bodies left as garbage", BodyLoop, "dismiss", lambda self: True)
GOING_ON.replaced("outcomes of dropped requests fed", Feeding, "drop", nothing)


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
def results_fed_to_the_first_branch_that_waits() -> Iterator[None]:
    answered = BodyRun._answered

    def first(self: BodyRun, ordinal: int, kind: Any) -> Any:
        waiting = [o for o, request in self.open.items() if isinstance(request, kind)]
        return answered(self, min([ordinal, *waiting]), kind)

    with patch.object(BodyRun, "_answered", first):
        yield


@mutant
def held_outcomes_fed_while_suspended() -> Iterator[None]:
    take = Feeding.take

    def impatient(self: Feeding, version: int, event: Any, value: Any = replay.NOTHING) -> Any:
        self._suspended = False
        return take(self, version, event, value)

    with patch.object(Feeding, "take", impatient):
        yield


@mutant
def version_with_an_ordinal() -> Iterator[None]:
    record = asking.record_versions

    def numbered(execution: LiveExecution, body: BodyRun) -> None:
        body.next_ordinal += len(body.loop.new_versions)
        record(execution, body)

    with patch.object(asking, "record_versions", numbered):
        yield


@mutant
def timers_early() -> Iterator[None]:
    add = Timers.add
    with patch.object(Timers, "add", lambda self, due, *rest: add(self, due - 1_000, *rest)):
        yield


@mutant
def keys_by_attempt() -> Iterator[None]:
    launch = Forward._launch

    def other(self: Forward, ordinal: int) -> None:
        attempt = self.execution.state.open[ordinal].attempt

        def keyed(execution_id: str, kind: str, number: int, name: str) -> str:
            return idempotency_key(execution_id, kind, number, f"{name} {attempt}")

        with patch.object(forward, "idempotency_key", keyed):
            launch(self, ordinal)

    with patch.object(Forward, "_launch", other):
        yield


@mutant
def slot_of_an_unissued_attempt_kept_from_others() -> Iterator[None]:
    unissued = Forward._unissued

    def silent(self: Forward, ordinal: int) -> None:
        with patch.object(Slots, "hand_on", nothing):
            unissued(self, ordinal)

    with patch.object(Forward, "_unissued", silent):
        yield


@mutant
def slots_of_what_leaves_never_given_back() -> Iterator[None]:
    def keeping(self: Forward) -> None:
        for attempt in self.attempts.values():
            attempt.leave()
        self.launches = []

    with patch.object(Forward, "leave", keeping):
        yield


@mutant
def room_never_given_back() -> Iterator[None]:
    count = Residents._count

    def growing(self: Residents, execution: LiveExecution, *, busy: bool) -> None:
        flight = self.in_flight
        count(self, execution, busy=busy)
        self.in_flight = max(flight, self.in_flight)

    with patch.object(Residents, "_count", growing):
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
def dismissed_and_going_on() -> Iterator[None]:
    dismiss = LiveExecution.dismiss

    def alive(self: LiveExecution) -> None:
        dismiss(self)
        self.gone = False

    with patch.object(LiveExecution, "dismiss", alive):
        yield


@mutant
def tried_again_while_suspended() -> Iterator[None]:
    following = Forward._next_attempt

    def eager(self: Forward, ordinal: int) -> Any:
        with patch.object(LiveExecution, "parked", property(lambda self: self.gone)):
            return following(self, ordinal)

    with patch.object(Forward, "_next_attempt", eager):
        yield


@mutant
def results_fed_together() -> Iterator[None]:
    def take(self: LiveExecution, event: events.Event, value: Any = NOTHING) -> None:
        self.record(event)
        last = 0
        try:
            for feed, fed, decoded in self.feeding.take(self.state.version, event, value):
                if self.body is not None and self.state.rollback is None:
                    last = self.body.loop.feed = feed
                    self.body.feed(fed, decoded)
            if last:
                asking.collect(self, last)
        except Blocked as error:
            self.block(error)
        self.conclude()

    with patch.object(LiveExecution, "take", take):
        yield
