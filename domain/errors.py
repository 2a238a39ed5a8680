"""The errors of Perdure, one tree under `PerdureError`.

Each names a fact, carries it in fields, and says what happened, to which execution, and what to do
next. A `Failure` (perdure.sagas.failure) is not among them: it is the user's data, not our error.

    PerdureError
    ├── BadIdentity                  a name, key or execution id that cannot be one
    ├── UnknownExecution             nothing is recorded under this id
    ├── DifferentRequest             the id is taken by a start with another request
    ├── OrderRefused                 the engine could not carry out what a client asked
    ├── Busy                         no room now, and the caller asked not to wait in line
    ├── EngineStopped                the engine was closed while this was asked of it
    ├── ClientClosed                 and so was the client
    ├── ExecutionEnd                 how an execution ended, raised by `result()`
    │   ├── CancelledExecution
    │   ├── RetriesExhausted         also raised in a body, for one activity
    │   └── WorkflowDefect
    ├── ExecutionParked              suspended, blocked or stuck: needs somebody
    ├── Blocked                      this code cannot go on with what is recorded
    │   ├── NonDeterministicWorkflow
    │   ├── BodyDoesNotRest
    │   ├── TooManyBranches
    │   ├── UnknownCode
    │   ├── AmbiguousCode
    │   └── Undecodable
    ├── ForbiddenInBody              what a deterministic loop cannot do
    ├── PayloadTooLarge
    └── JournalError
        ├── JournalUnavailable       try again: full, locked, read-only, unreachable
        ├── JournalInUse             another engine holds the file
        ├── NotAJournal              the file or database is not ours
        ├── LostLease                somebody else owns these shards now
        └── VersionConflict          the stream is not where the writer believed
"""


class PerdureError(Exception):
    """Root of everything that Perdure raises itself. All can be copied, and sent to a process."""

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own would call the class with the message for its only argument.
        return type(self).__new__, (type(self), *self.args), self.__dict__.copy()


class BadIdentity(PerdureError, ValueError):
    """A workflow name, key or execution id that breaks the rules of ids."""


class UnknownExecution(PerdureError, LookupError):
    """No execution is recorded under this id."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(
            f"{execution_id}: no such execution in this journal; "
            "`perdure list --journal URL` shows which there are"
        )


class DifferentRequest(PerdureError):
    """The execution exists already, started with another request."""

    def __init__(self, execution_id: str, difference: str) -> None:
        self.execution_id = execution_id
        self.difference = difference
        super().__init__(
            f"{execution_id}: already started with a different request; use another key, or "
            f"handle({execution_id!r}) to join the one that runs. Recorded and given:\n{difference}"
        )


class OrderRefused(PerdureError):
    """An engine took the order of a client from the mailbox, and could not carry it out."""

    def __init__(self, execution_id: str, why: str) -> None:
        self.execution_id = execution_id
        self.why = why
        super().__init__(f"{execution_id}: refused by the engine: {why}; mend that, and ask again")


class Busy(PerdureError):
    """The engine has no room for another execution right now. Nothing was recorded."""

    def __init__(self, execution_id: str, limit: int) -> None:
        self.execution_id = execution_id
        self.limit = limit
        super().__init__(
            f"{execution_id}: not started: {limit} executions are in flight, as many as "
            'max_in_flight allows; try again later, or let it wait with when_full="wait"'
        )


class EngineStopped(PerdureError):
    """The engine was closed, or broke; what was durable goes on when one opens again."""

    def __init__(self, execution_id: str | None = None, broken_by: str = "") -> None:
        self.execution_id = execution_id
        self.broken_by = broken_by
        subject = f"{execution_id}: the" if execution_id else "the"
        how = f"broke ({broken_by}) and is stopped" if broken_by else "is stopped"
        super().__init__(
            f"{subject} engine {how}; what is recorded goes on when an engine opens again"
        )


class ClientClosed(PerdureError):
    """The client was closed; what it has posted stands, and a new one can see."""


class ExecutionEnd(PerdureError):
    """An execution came to an end that is no result."""


class CancelledExecution(ExecutionEnd):
    """The execution was cancelled; what it had done is undone."""

    def __init__(self, execution_id: str, reason: str, undone: tuple[str, ...] = ()) -> None:
        self.execution_id = execution_id
        self.reason = reason
        self.undone = undone
        super().__init__(f"{execution_id}: cancelled ({reason}); {told_undone(undone)}")


class RetriesExhausted(ExecutionEnd):
    """An activity failed as often as its retry policy allows. Its effect is unknown."""

    def __init__(self, activity: str, attempts: int, error: str) -> None:
        self.activity = activity
        self.attempts = attempts
        self.error = error
        super().__init__(f"{activity} gave up after {attempts} attempts; the last one: {error}")


class WorkflowDefect(ExecutionEnd):
    """The body raised something that is no declared failure, and was rolled back for it."""

    def __init__(self, execution_id: str, error: str, undone: tuple[str, ...] = ()) -> None:
        self.execution_id = execution_id
        self.error = error
        self.undone = undone
        super().__init__(f"{execution_id}: defect of the body: {error}; {told_undone(undone)}")


class ExecutionParked(PerdureError):
    """The execution waits for somebody: suspended, blocked or stuck."""

    def __init__(self, execution_id: str, state: str, reason: str) -> None:
        self.execution_id = execution_id
        self.state = state
        self.reason = reason
        super().__init__(f"{execution_id} is {state}: {reason}; {NEXT_STEP_WHEN_PARKED[state]}")


NEXT_STEP_WHEN_PARKED = {
    "suspended": "mend the cause, then handle.resume()",
    "blocked": "open an engine with code that fits what is recorded",
    "stuck": "see to it, then handle.resume() to try it again, or handle.resolve(...)",
}


class Blocked(PerdureError):
    """The code that runs here cannot go on with what is recorded. Nothing was appended."""


class NonDeterministicWorkflow(Blocked):
    """On replay the body asked for something else than what is recorded."""

    def __init__(
        self, execution_id: str, position: str, expected: str, actual: str, where: str = ""
    ) -> None:
        self.execution_id = execution_id
        self.position = position
        self.expected = expected
        self.actual = actual
        self.where = where
        super().__init__(
            f"{execution_id} diverges at {position}: recorded was {expected}, "
            f"the body asked for {actual}{f' at {where}' if where else ''}; "
            "bring the old code back, or guard the change with version()"
        )


class BodyDoesNotRest(Blocked):
    """A feed ran over its budget of loop steps: the body never waits for anything durable."""

    def __init__(self, execution_id: str, steps: int, stack: str) -> None:
        self.execution_id = execution_id
        self.steps = steps
        super().__init__(
            f"{execution_id}: the body did not come to rest within {steps:,} steps; "
            f"await an activity or a sleep in the loop:\n{stack}"
        )


class TooManyBranches(Blocked):
    """One feed asked for more concurrent activities and timers than are allowed."""

    def __init__(self, execution_id: str, limit: int) -> None:
        self.execution_id = execution_id
        self.limit = limit
        super().__init__(
            f"{execution_id}: more than {limit:,} requests at once; run them in portions"
        )


class UnknownCode(Blocked):
    """A recorded workflow, activity or failure that no open code defines."""

    def __init__(self, execution_id: str, kind: str, name: str) -> None:
        self.execution_id = execution_id
        self.kind = kind
        self.name = name
        super().__init__(
            f"{execution_id}: no {kind} named {name!r} is known here; open the engine with it, "
            f"or keep the old name by {'name=...' if 'failure' in kind else 'aliases=[...]'}"
        )


class AmbiguousCode(Blocked):
    """Two activities answer to one name; a stream could not tell which it meant."""

    def __init__(self, execution_id: str, name: str, where: str) -> None:
        self.execution_id = execution_id
        self.name = name
        self.where = where
        super().__init__(
            f"{execution_id}: two different activities are named {name!r} ({where}); "
            "give one of them a name of its own with name=..."
        )


class Undecodable(Blocked):
    """A stored row or payload that cannot be read as what it claims to be. It is kept as it is."""

    def __init__(self, execution_id: str, what: str, why: str) -> None:
        self.execution_id = execution_id
        self.what = what
        self.why = why
        super().__init__(
            f"{execution_id}: {what} cannot be read ({why}); the data is kept as it is: "
            "open an engine with code, or keys, that read it, or restore the row"
        )


class ForbiddenInBody(PerdureError):
    """Something that a deterministic loop cannot do: sockets, threads, processes."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} is not possible in a workflow's body; do it in an activity")


class PayloadTooLarge(PerdureError, ValueError):
    """An encoded argument, result or request over the limit. Nothing was recorded."""

    def __init__(self, what: str, size_bytes: int, limit_bytes: int) -> None:
        self.what = what
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        super().__init__(
            f"{what} takes {size_bytes:,} bytes, {limit_bytes:,} are allowed; "
            "store it elsewhere and pass its address"
        )


class JournalError(PerdureError):
    """Root of what a journal raises."""


class JournalUnavailable(JournalError):
    """The journal cannot be written or read right now: full, read-only, locked, unreachable."""


class JournalInUse(JournalError):
    """Another engine has this journal open."""


class NotAJournal(JournalError):
    """What the address leads to is no journal of ours, or one of another shape."""


class LostLease(JournalError):
    """Other runners own these shards now; nothing was appended."""


class VersionConflict(JournalError):
    """A stream is not at the version that the writer believed it to be at."""

    def __init__(self, execution_id: str, expected: int) -> None:
        self.execution_id = execution_id
        self.expected = expected
        super().__init__(
            f"{execution_id}: the stream is not at version {expected}; somebody else appended to "
            "it. The execution is read again from the journal"
        )


def told_undone(undone: tuple[str, ...]) -> str:
    """The state of a rollback, for the end of a message."""
    return f"undone: {', '.join(undone)}" if undone else "nothing had to be undone"
