"""The errors of declarations and payloads, under `PerdureError`.

    PerdureError
    ├── DeclarationError             a workflow, activity or compensation that cannot be one
    │   └── DuplicateName            two definitions under one name
    ├── UnsupportedType              a type that pydantic cannot carry through JSON
    ├── PayloadError                 a value that its declared type cannot carry
    ├── UnknownFailure               a recorded failure whose class is not there
    ├── ActivityInsideActivity       an activity called while another one runs
    ├── BodyDoesNotLeave             a body that cannot be left, blocked (perdure.domain.errors)
    ├── NoWorkflowGiven              a client's handle was asked for what only code tells
    ├── AlikeBranches                requests of as_completed that no replay could tell apart
    ├── CalledDirectly               a workflow or compensation called where only the engine may
    ├── NotInActivity                `current_activity()` outside an activity
    └── NotInWorkflow                `now()`, `version()` and the like outside a body

`PayloadTooLarge` and what executions raise are in perdure.domain.errors.
"""

from perdure.domain.errors import Blocked, PerdureError, UnknownCode


class DeclarationError(PerdureError, TypeError):
    """A declaration that cannot work, told where it is made: what, where, and what to do."""

    def __init__(self, subject: str, where: str, problem: str, hint: str) -> None:
        self.subject = subject
        self.where = where
        self.problem = problem
        self.hint = hint
        super().__init__(f"{subject} ({where}): {problem}; {hint}")


class DuplicateName(DeclarationError):
    """Two definitions answer to one name; a stream could not tell which it meant."""


class UnsupportedType(PerdureError, TypeError):
    """A type that cannot be a payload. Declarations tell whose it is, and where."""

    def __init__(self, type_text: str, reason: str) -> None:
        self.type_text = type_text
        self.reason = reason
        super().__init__(f"type {type_text} cannot be a payload: {reason}")


class PayloadError(PerdureError, ValueError):
    """A value that its declared type does not carry unchanged, or bytes that are no such value.

    `what` is the parameter or result, `path` the place inside it ("" for the whole).
    """

    def __init__(self, what: str, type_text: str, path: str, problem: str, hint: str) -> None:
        self.what = what
        self.type_text = type_text
        self.path = path
        self.problem = problem
        self.hint = hint
        place = f" at {path}" if path else ""
        super().__init__(f"{what}, declared as {type_text}{place}: {problem}; {hint}")


class UnknownFailure(PerdureError, LookupError):
    """A failure was recorded whose class is declared nowhere, or several have its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"failure {name!r} is recorded, but no single class of that name is declared; import "
            f"its module, name it in raises=[...], or give a class the name: "
            f"class ...(Failure, name={name!r})"
        )


class ActivityInsideActivity(PerdureError):
    """An activity was called while another one runs; it would not be recorded."""

    def __init__(self, inner: str, outer: str) -> None:
        self.inner = inner
        self.outer = outer
        super().__init__(
            f"activity {inner!r} was called inside {outer}, where it would be neither recorded "
            f"nor retried nor undone; call {inner}.function(...) for the plain function, or let "
            "the workflow call both"
        )


class BodyDoesNotLeave(Blocked):
    """A body that catches what ends it, and goes on. Its state stays in memory for good."""

    def __init__(self, execution_id: str, where: str) -> None:
        self.execution_id = execution_id
        self.where = where
        super().__init__(
            f"{execution_id}: its body does not leave memory at {where}: it catches the "
            "BaseException that ends it, and goes on; catch Exception there, or raise it again"
        )


class NoWorkflowGiven(UnknownCode):
    """A client's handle without its workflow was asked which compensations there would be."""

    def __init__(self, execution_id: str, name: str) -> None:
        super().__init__(execution_id, "workflow", name)
        self.args = (
            f"{execution_id}: only its code tells what a rollback would undo; hand the workflow "
            f"over: client.handle({execution_id!r}, workflow)",
        )


class AlikeBranches(Blocked):
    """Two coroutines given to as_completed ask for the same at the same time."""

    def __init__(self, execution_id: str, what: str) -> None:
        self.execution_id = execution_id
        self.what = what
        super().__init__(
            f"{execution_id}: two coroutines given to asyncio.as_completed ask for the same, "
            f"{what}, at the same time, and it keeps no order among them that a replay could "
            "repeat; give it tasks: as_completed([asyncio.create_task(one), ...])"
        )


class CalledDirectly(PerdureError, TypeError):
    """A workflow or a compensation was called where only the engine may call it."""


class NotInActivity(PerdureError, LookupError):
    """`current_activity()` was asked for where no activity runs."""


class NotInWorkflow(PerdureError, LookupError):
    """Something that only a workflow's body has was asked for elsewhere."""
