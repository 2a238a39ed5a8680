"""The client for callers without an event loop: Django, Flask, scripts, a shell.

Written by `python -m tools.blocking` from perdure.sagas.client and perdure.sagas.handle; change it
there. Everything is done by one async client in a thread of its own: see portal.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

from perdure.domain.journal import ENDED_STATES
from perdure.domain.states import State
from perdure.infrastructure.keys import KeyRing
from perdure.infrastructure.portal import Portal
from perdure.sagas.handle import Handle as AnyHandle
from perdure.sagas.history import HistoryEvent
from perdure.sagas.resolving import PlannedUndo
from perdure.sagas.workflow import Workflow

Q = TypeVar("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


def connect(
    url: str, *, reply_timeout: float | None = None, keys: KeyRing | None = None
) -> "Client":
    """A client of the journal at this address; see perdure.connect. Any threads may share it.

    It is connected when this returns, until `close`, or the end of its `with`. Not for use where an
    event loop runs, nor in a child process of the one that connected.

    >>> with perdure.blocking.connect("sqlite:///payments.db") as client:
    ...     tracking_id = client.execute(process_payment, request, timeout=30)
    """
    return Client(Portal(url, reply_timeout, keys))


class Handle(Generic[R_co]):
    """One execution by its id; see perdure.Handle."""

    __slots__ = ("_handle", "_portal", "id")

    def __init__(self, handle: AnyHandle[R_co], portal: Portal) -> None:
        self.id = handle.id
        self._handle = handle
        self._portal = portal

    def result(self, *, timeout: float | None = None, on_parked: str = "raise") -> R_co:
        """The result, once it is durable.

        Raises the typed failure that the body ended with (notes tell what was undone),
        CancelledExecution, RetriesExhausted, or WorkflowDefect. On a suspended, blocked or stuck
        execution ExecutionParked, unless `on_parked="wait"`. TimeoutError after `timeout` seconds;
        the execution goes on.
        """
        return self._portal.run(self._handle.result(timeout=timeout, on_parked=on_parked))

    def accepted(self) -> None:
        """Returns when an engine has taken the start that gave this handle; at once if none did.

        Raises what `engine.start` would have raised: DifferentRequest, UnknownCode, Undecodable.
        """
        return self._portal.run(self._handle.accepted())

    def status(self) -> State:
        """How the execution is; see perdure.domain.states."""
        return self._portal.run(self._handle.status())

    def wait(
        self, *, states: Collection[str] = ENDED_STATES, timeout: float | None = None
    ) -> State:
        """The state, once its word is one of these, or once the execution has ended all the same.

        Words as in perdure.domain.states.WORDS: "suspended", "stuck", "succeeded"... TimeoutError
        after `timeout` seconds. A state that has passed before anybody looked is not seen.
        """
        return self._portal.run(self._handle.wait(states=states, timeout=timeout))

    def history(self) -> list[HistoryEvent]:
        """All events, in their order."""
        return self._portal.run(self._handle.history())

    def cancel(self, reason: str = "cancelled by request") -> None:
        """Asks the body to stop, and undoes what it has done. Returns when that is durable.

        CannotCancel when it is past its pivot.
        """
        return self._portal.run(self._handle.cancel(reason))

    def resume(self, reason: str = "") -> None:
        """Lets a suspended, blocked or stuck execution go on. Returns when that is durable."""
        return self._portal.run(self._handle.resume(reason))

    def resolve(
        self,
        how: Literal["retry", "replace", "skip", "by_hand"],
        *,
        reason: str = "",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Decides on the compensation that the execution is stuck on. Returns when that is durable.

        "retry" tries it again; "replace" with these arguments instead of the recorded ones; "skip"
        never undoes its activity; "by_hand" says that somebody has undone it. The last two need a
        reason. Raises CannotResolve when no compensation waits, or the arguments do not fit.
        """
        return self._portal.run(self._handle.resolve(how, reason=reason, arguments=arguments))

    def plan(self) -> list[PlannedUndo]:
        """What a rollback would undo now, in its order, with recorded values; nothing is done.

        UnknownCode from a client's handle that was given no workflow, where only its code tells.
        """
        return self._portal.run(self._handle.plan())

    def __repr__(self) -> str:
        return f"<Handle of {self.id}>"


class Client:
    """Orders and answers over a journal's mailbox; see perdure.Client. Made by `connect`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._client = portal.client

    def start(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        *,
        tags: Mapping[str, str] | None = None,
        start_at: datetime | None = None,
        within: object = None,
    ) -> Handle[R]:
        """Orders an execution, and returns when the order is durable (the talk's sendDiscard).

        The same id again joins the execution that is there, or is its next run, as the workflow's
        `run_again` says. Whether it was started with another request shows when an engine takes the
        order: `handle.accepted()` waits for that and raises DifferentRequest, and so does
        `handle.result()`. With `start_at` it begins then. See WorkflowEngine.start for `tags`.

        `within`: a connection or session of SQLAlchemy, or a connection of psycopg or sqlite3, to
        the journal's database. The order is then part of its transaction, and placed when that
        commits; if it is rolled back, whoever waits for the result waits in vain. Raises
        ForeignTransaction, and what that library raises.

        >>> handle = client.start(process_payment, request)
        >>> tracking_id = handle.result()
        """
        return Handle(
            self._portal.run(
                self._client.start(workflow, request, tags=tags, start_at=start_at, within=within)
            ),
            self._portal,
        )

    def execute(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        *,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> R:
        """Orders an execution and waits for its result (the talk's send); see Handle.result."""
        return self._portal.run(self._client.execute(workflow, request, tags=tags, timeout=timeout))

    @overload
    def handle(self, execution_id: str, workflow: None = None) -> Handle[Any]: ...
    @overload
    def handle(self, execution_id: str, workflow: Workflow[Any, R]) -> Handle[R]: ...
    def handle(self, execution_id: str, workflow: Workflow[Any, Any] | None = None) -> Handle[Any]:
        """The handle of an execution by its id, whether or not there is one.

        Without the workflow its result comes as plain JSON data, and a failure whose class is not
        imported as a plain Failure that tells its name. Raises BadIdentity.
        """
        return Handle(self._client.handle(execution_id, workflow), self._portal)

    def close(self) -> None:
        """Posts what was ordered, and lets go of the journal. Idempotent."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
