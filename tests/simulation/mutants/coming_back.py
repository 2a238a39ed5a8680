"""Mistakes about what is undone, what is taken up again, and when somebody looks."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from perdure.domain import rollback
from perdure.domain.journal import IndexRow, Scan
from perdure.domain.records import Phase
from perdure.infrastructure.simulation.journal import SimulatedJournal
from perdure.sagas import recorded_start, recovery
from perdure.sagas.backward import Backward
from perdure.sagas.compensation import Compensation
from perdure.sagas.forward import Forward
from perdure.sagas.keeper import Keeper
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.mailroom import Mailroom
from perdure.sagas.residents import Residents
from tests.simulation.mutants.registry import Registry, nothing

COMING_BACK = Registry()
mutant = COMING_BACK.mutant
replaced = COMING_BACK.replaced

replaced("what is in doubt never read again", Keeper, "read_again", nothing)
replaced("no look after a lease that was lost", Keeper, "lease_lost", nothing)
replaced("attempts in flight at a crash forgotten", recovery, "crashed", nothing)
replaced("compensation in flight at a crash forgotten", Backward, "crashed", nothing)
replaced("retries not armed again after a load", Forward, "schedule", nothing)
replaced("an expired wait for mail put off", asyncio.Timeout, "expired", lambda self: False)


@mutant
def undone_in_the_order_of_doing() -> Iterator[None]:
    plan = rollback.plan
    with patch.object(rollback, "plan", lambda *given: plan(*given)[::-1]):
        yield


@mutant
def undone_by_their_starts() -> Iterator[None]:
    plan = rollback.plan

    def by_starts(execution: Any, end: Any, compensation_of: Any) -> Any:
        steps = plan(execution, end, compensation_of)
        unknown = [step for step in steps if step.outcome == "unknown"]
        known = [step for step in steps if step.outcome != "unknown"]
        started = execution.activities
        known.sort(key=lambda step: -started[step.undoes].started_version)
        return (*unknown, *known)

    with patch.object(rollback, "plan", by_starts):
        yield


@mutant
def undo_registered_late() -> Iterator[None]:
    plan = rollback.plan

    def known(*given: Any) -> Any:
        return tuple(step for step in plan(*given) if step.outcome != "unknown")

    with patch.object(rollback, "plan", known):
        yield


@mutant
def undone_without_the_result() -> Iterator[None]:
    bind = Compensation.bind
    with patch.object(Compensation, "bind", lambda self, arguments, _: bind(self, arguments, None)):
        yield


@mutant
def attempt_counter_in_memory() -> Iterator[None]:
    load = recovery.fold

    def forgetful(execution_id: str, stream: Any) -> Any:
        state = load(execution_id, stream)
        for record in state.open.values():
            record.attempt = min(record.attempt, 1)
        return state

    with patch.object(recovery, "fold", forgetful):
        yield


@mutant
def crashed_attempt_taken_for_never_done() -> Iterator[None]:
    crashed = recovery.crashed

    def hopeful(execution: LiveExecution, *, stopped: bool) -> None:
        crashed(execution, stopped=stopped)
        for record in execution.state.activities.values():
            if record.phase is Phase.GIVEN_UP:
                record.phase = Phase.FAILED

    with patch.object(recovery, "crashed", hopeful):
        yield


@mutant
def recovery_by_name() -> Iterator[None]:
    scan, move_in = SimulatedJournal.scan, Residents.move_in
    had: dict[tuple[int, str], str] = {}

    def moving(self: Residents, execution: LiveExecution) -> None:
        had[id(self._log), execution.id] = name_of_process()  # type: ignore[attr-defined]
        move_in(self, execution)

    async def own(self: SimulatedJournal, wanted: Scan) -> Sequence[IndexRow]:
        page = await scan(self, wanted)
        if "blocked" not in wanted.states:
            return page
        name = name_of_process()
        return [row for row in page if had.get((id(self.log), row.execution_id), name) == name]

    def log_of(self: Residents) -> Any:
        return self.keeper._journal.log  # type: ignore[attr-defined]

    with (
        patch.object(Residents, "_log", property(log_of), create=True),
        patch.object(Residents, "move_in", moving),
        patch.object(SimulatedJournal, "scan", own),
    ):
        yield


def name_of_process() -> str:
    """Of whoever runs; the same for all its lives."""
    return str(getattr(asyncio.get_running_loop(), "name", "")).partition(",")[0]


@mutant
def timers_not_set_again_after_a_load() -> Iterator[None]:
    rearm = recovery.rearm

    def forgetful(execution: LiveExecution) -> None:
        timers, execution.state.timers = execution.state.timers, {}
        rearm(execution)
        execution.state.timers = timers

    with patch.object(recovery, "rearm", forgetful):
        yield


@mutant
def orders_that_stayed_open_not_taken_again() -> Iterator[None]:
    mail = Mailroom._mail

    async def deaf(self: Mailroom) -> None:
        self._again = False
        await mail(self)

    with patch.object(Mailroom, "_mail", deaf):
        yield


@mutant
def room_not_looked_for_after_a_lost_answer() -> Iterator[None]:
    def refused(self: Any, submission: Any, error: Any) -> None:
        if not self._started.done():
            if error is None:
                self._started.set_result(False)
            else:
                self._started.set_exception(error)

    with patch.object(recorded_start.RecordedStart, "refused", refused):
        yield


@mutant
def cancelled_without_a_record() -> Iterator[None]:
    cancel = recovery.cancel

    def unrecorded(execution: LiveExecution, reason: str) -> None:
        if execution.state.version > 1 and execution.body is not None:
            execution.around.loop.call_later(0.001, later, execution, reason)
        else:
            cancel(execution, reason)

    def later(execution: LiveExecution, reason: str) -> None:
        if not execution.gone and execution.state.end is None:
            cancel(execution, reason)
            execution.submit()

    with patch("perdure.sagas.inquiry.cancel", unrecorded):
        yield
