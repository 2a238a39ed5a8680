"""Mistakes about what is stored, when, and by whom."""

from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from perdure.domain import events
from perdure.domain.journal import Submission
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.memory.mailbox import Mailbox
from perdure.infrastructure.simulation.lease import SimulatedLease
from perdure.infrastructure.simulation.storage import Storage
from perdure.sagas import live_execution
from perdure.sagas.committer import Committer, Pending
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.residents import Residents
from tests.simulation.mutants.registry import Registry, nothing

STORING = Registry()
mutant = STORING.mutant

STORING.replaced("version check dropped", Log, "_check", nothing)


@mutant
def fence_dropped() -> Iterator[None]:
    append = Storage.append

    def unfenced(self: Storage, entries: Any, epoch: int, name: str) -> list[bool]:
        return append(self, entries, self.epoch, name)

    with patch.object(Storage, "append", unfenced):
        yield


@mutant
def lease_believed_for_too_long() -> Iterator[None]:
    with patch.object(SimulatedLease, "held", property(lambda self: self._mine)):
        yield


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
def orders_taken_for_settled_before_commit() -> Iterator[None]:
    submit = Committer.submit

    def acknowledged(self: Committer, submission: Submission, submitter: Any) -> None:
        submit(self, submission, submitter)
        self.on_settled(submission.settles)

    with patch.object(Committer, "submit", acknowledged):
        yield


@mutant
def envelope_settled_apart_from_the_append() -> Iterator[None]:
    submit = LiveExecution.submit

    def apart(self: LiveExecution) -> None:
        settles, self.settles = self.settles, ()
        if settles and self.stored_version:
            alone = Submission(self.id, self.shard, -1, [], None, settles)
            self.around.committer.submit(alone, live_execution_of_nobody)
            self.around.loop.call_later(0.001, later, self)
        else:
            self.settles = settles
            submit(self)

    def later(self: LiveExecution) -> None:
        if not self.gone:
            submit(self)

    with patch.object(LiveExecution, "submit", apart):
        yield


class Unheard:
    """Who submits what nothing follows from."""

    gone = False
    stored = refused = nothing


live_execution_of_nobody: Any = Unheard()


@mutant
def duplicate_envelope_carried_out_twice() -> Iterator[None]:
    def forgetful(self: Mailbox, envelopes: Sequence[Any]) -> None:
        for envelope in envelopes:
            self.settled.pop(envelope.id, None)
        post(self, envelopes)

    post = Mailbox.post
    with patch.object(Mailbox, "post", forgetful):
        yield


@mutant
def refused_start_that_goes_on() -> Iterator[None]:
    def unmoved(self: Residents, execution: LiveExecution) -> None:
        if execution.starting is not None and not execution.starting.done():
            execution.starting.set_result(False)

    with patch.object(Residents, "refused_start", unmoved):
        yield


@mutant
def half_of_a_bisected_batch_forgotten() -> Iterator[None]:
    flush = Committer._flush

    async def forgetful(self: Committer, batch: Sequence[Pending]) -> None:
        before = getattr(self, "flushed", None)
        if before is not None and batch[0] is not before[0]:
            return  # the second half of what could not be stored
        self.flushed = batch  # type: ignore[attr-defined]
        try:
            await flush(self, batch)
        finally:
            self.flushed = before  # type: ignore[attr-defined]

    with patch.object(Committer, "_flush", forgetful):
        yield


@mutant
def what_was_dismissed_is_stored_from_the_queue() -> Iterator[None]:
    flush = Committer._flush

    class Living:
        gone = False

        def __init__(self, submitter: Any) -> None:
            self.stored, self.refused = submitter.stored, submitter.refused

    async def all_of_it(self: Committer, batch: Sequence[Pending]) -> None:
        await flush(self, [(submission, Living(submitter)) for submission, submitter in batch])

    with patch.object(Committer, "_flush", all_of_it):
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
def state_of_the_index_not_written_when_it_is_suspended() -> Iterator[None]:
    change = live_execution.index_change

    def forgetful(execution: LiveExecution) -> Any:
        row = change(execution)
        return None if row is not None and row.state == "suspended" else row

    with patch.object(live_execution, "index_change", forgetful):
        yield


@mutant
def times_by_the_clock_alone() -> Iterator[None]:
    with patch.object(LiveExecution, "now", lambda self: self.around.clock.now()):
        yield
