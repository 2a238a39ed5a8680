"""The way back of one live execution: its compensations, one after another, last first.

Each is recorded, retried by its own policy, resumed after a crash, and shielded: nothing but its
own end decides what follows. One that cannot be done makes the execution stuck. Each
attempt takes a slot of the engine, as those on the way forward do.
"""

from typing import TYPE_CHECKING, Any

from perdure.domain import events, rollback
from perdure.domain.errors import Blocked, Undecodable, UnknownCode
from perdure.domain.events import Undo
from perdure.domain.identity import idempotency_key
from perdure.domain.records import CompensationRecord, Phase
from perdure.sagas.attempts import Attempt, Ended, deadline
from perdure.sagas.compensation import Compensation
from perdure.sagas.context import ActivityContext, Undoes
from perdure.sagas.suspects import is_suspect
from perdure.sagas.undo_outcomes import after_compensation

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


class Backward:
    """See the module."""

    __slots__ = ("__weakref__", "attempt", "execution", "in_line", "launch_version", "lingering")

    def __init__(self, execution: "LiveExecution") -> None:
        self.execution = execution
        self.attempt: Attempt | None = None
        self.launch_version = 0  # version of the start that is to be launched, 0 for none
        self.lingering = 0
        self.in_line = False  # waits for a slot

    @property
    def busy(self) -> bool:
        """Whether something runs, is to be launched, or waits for a slot that it can get."""
        if self.in_line and not self.execution.around.slots.closed:
            return True
        return bool(self.attempt or self.launch_version or self.lingering)

    def compensation(self, undo: Undo) -> Compensation[..., Any]:
        """The compensation that today's code declares. UnknownCode when there is none."""
        found = self.execution.forward.activity(undo.activity).compensation
        if found is None:
            raise UnknownCode(self.execution.id, "compensation", f"{undo.activity}.compensate")
        return found

    def undo(self) -> None:
        """Starts the next compensation, or its next attempt, as soon as there is a slot for it.

        Ends the execution after the last.
        """
        execution = self.execution
        going_back = execution.state.rollback
        assert going_back is not None
        undo = going_back.next()
        if undo is None:
            if not self.lingering:
                end, undone, skipped = going_back.end, going_back.undone, going_back.skipped
                execution.record(rollback.terminal(end, undone, skipped, execution.now()))
            return
        try:
            compensation = self.compensation(undo)
        except Blocked as error:
            execution.block(error)
            return
        slots = execution.around.slots
        if self.in_line:
            return
        if slots.take(compensation):
            self._start(compensation, undo)
        else:
            self.in_line = True
            slots.wait(compensation, self._granted)

    def _granted(self) -> bool:
        execution, self.in_line = self.execution, False
        going_back = execution.state.rollback
        if execution.backward is not self or going_back is None or execution.state.end is not None:
            return False
        undo, current = going_back.next(), going_back.current
        if undo is None or self._held or not (current is None or self._is_due(current)):
            return False  # somebody has decided otherwise meanwhile
        try:
            self._start(self.compensation(undo), undo)
        except Blocked as error:
            execution.block(error)
        execution.submit()
        return execution.blocked is None

    def _start(self, compensation: Compensation[..., Any], undo: Undo) -> None:
        execution = self.execution
        assert execution.state.rollback is not None
        current = execution.state.rollback.current
        started = events.CompensationStarted(
            time=execution.now(),
            undoes=undo.undoes,
            compensation=compensation.name,
            attempt=1 if current is None else current.attempt + 1,
            code=execution.workflow.code_fingerprint,
            alone=current is not None and is_suspect(current),
        )
        execution.record(started)
        self.launch_version = execution.state.version

    def due(self, _: int) -> None:
        """The next attempt is due."""
        execution = self.execution
        going_back = execution.state.rollback
        current = going_back.current if going_back is not None else None
        if self._held or current is None or not self._is_due(current):
            return
        if is_suspect(current):
            execution.around.suspects.line_up((execution.id, -current.undo.undoes), self._try)
        else:
            self.undo()
            execution.submit()

    def _try(self) -> bool:
        """The next attempt, as the only suspect."""
        going_back = self.execution.state.rollback
        current = going_back.current if going_back is not None else None
        if self._held or current is None or not self._is_due(current):
            return False
        self.undo()
        self.execution.submit()
        return True

    @property
    def _held(self) -> bool:
        """A suspension of the body holds nothing up here."""
        return self.execution.gone or self.execution.blocked is not None

    def _is_due(self, current: CompensationRecord) -> bool:
        if current.phase is not Phase.BACKING_OFF or current.due is None:
            return False
        return current.due <= self.execution.now()

    def waits_for(self, _: int, due: int) -> bool:
        """Whether a timer is still of use. Implements `timers.Sleeper`."""
        going_back = self.execution.state.rollback
        current = going_back.current if going_back is not None else None
        return not self.execution.gone and current is not None and current.due == due

    def rearm(self) -> None:
        """After a load or a resumption: the next attempt at its time, or the next compensation."""
        going_back = self.execution.state.rollback
        assert going_back is not None
        current = going_back.current
        if current is None:
            self.undo()
        elif current.phase is Phase.BACKING_OFF and current.due is not None:
            self.execution.around.timers.add(current.due, 0, self.due)

    def launch(self, stored_version: int) -> None:
        """Launches the compensation whose start is stored."""
        if not 0 < self.launch_version <= stored_version:
            return
        self.launch_version = 0
        execution = self.execution
        going_back = execution.state.rollback
        assert going_back is not None
        assert going_back.current is not None
        undo, number = going_back.current.undo, going_back.current.attempt
        compensation = self.compensation(undo)
        record = execution.state.activities[undo.undoes]
        ordinal = undo.undoes
        try:
            if going_back.current.arguments:
                arguments = compensation.decode_arguments(going_back.current.arguments)
            else:
                arguments = compensation.bind(record.arguments, record.result)
        except Exception as error:  # validators are the user's code
            execution.around.slots.release(compensation)
            execution.around.slots.hand_on()
            what = f"what {record.name} (request {ordinal}) leaves to {compensation.name}"
            raise Undecodable(execution.id, what, str(error)) from error
        attempt = self.attempt = Attempt(compensation, ordinal, number)
        key, undone = (
            idempotency_key(execution.id, kind, ordinal, name)
            for kind, name in (("compensation", undo.compensation), ("activity", record.name))
        )
        context = ActivityContext(
            execution_id=execution.id,
            idempotency_key=key,
            attempt=number,
            deadline=deadline(execution.around.clock, compensation.timeout),
            undoes=Undoes(undone, undo.outcome),
        )
        around = execution.around
        attempt.launch(context, arguments, around, self)
        if going_back.current.alone:
            around.suspects.begun((execution.id, -ordinal))

    def cancel_all(self) -> None:
        """Cancels an async attempt, or gives back its slot; nothing of it is recorded."""
        if self.attempt is not None:
            self.attempt.leave()
        if self.launch_version:
            assert self.execution.state.rollback is not None
            assert self.execution.state.rollback.current is not None
            self.launch_version = 0
            slots = self.execution.around.slots
            slots.release(self.compensation(self.execution.state.rollback.current.undo))
            slots.hand_on()

    def ended(self, attempt: Attempt, how: Ended) -> None:
        """An attempt is over: records what follows, or lets go of a thread that lingered."""
        execution = self.execution
        slots = execution.around.slots
        if self.attempt is attempt:
            self.attempt = None
            self.lingering += attempt.lingers
            if not attempt.lingers:
                slots.release(attempt.runnable)
            if not execution.gone:
                self.follow(how)
        else:  # a thread that lingered is through
            self.lingering -= 1
            slots.release(attempt.runnable)
            going_back = execution.state.rollback
            if not execution.gone and going_back is not None and going_back.next() is None:
                self.undo()
        if not execution.gone:
            execution.submit()
        slots.hand_on()

    def follow(self, how: Ended | None, *, stopped: bool = False) -> None:
        """Records what follows from the end of an attempt; None stands for a crash."""
        execution = self.execution
        going_back = execution.state.rollback
        assert going_back is not None
        assert going_back.current is not None
        current = going_back.current
        fraction = execution.around.randomness.fraction()
        compensation = self.compensation(current.undo)
        if current.alone:
            execution.around.suspects.through((execution.id, -current.undo.undoes))
        now = execution.now()
        execution.record(
            after_compensation(compensation, current, how, now, fraction, stopped=stopped)
        )
        if current.phase is Phase.BACKING_OFF:
            assert current.due is not None
            execution.around.timers.add(current.due, 0, self.due)
        elif going_back.current is None:
            self.undo()

    def crashed(self, *, stopped: bool) -> None:
        """Records a compensation that was in flight when its runner ended, and tries it again."""
        going_back = self.execution.state.rollback
        assert going_back is not None
        current = going_back.current
        if current is not None and current.phase is Phase.IN_FLIGHT and self.attempt is None:
            try:
                self.follow(None, stopped=stopped)
            except Blocked as error:
                self.execution.block(error)
