"""A handle: one execution by its id, from any part of the process, before, during and after."""

from collections.abc import Collection, Mapping
from typing import Any, Generic, Literal, Protocol, TypeVar

from perdure.domain.journal import ENDED_STATES
from perdure.domain.states import WORDS, State
from perdure.sagas.forbidden import refuse_in_body
from perdure.sagas.history import HistoryEvent
from perdure.sagas.resolving import PlannedUndo
from perdure.sagas.workflow import Workflow

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Asked(Protocol):
    """What a handle asks; its methods are those of Handle."""

    async def result(
        self,
        workflow: Workflow[Any, R],
        execution_id: str,
        *,
        timeout: float | None = None,
        wait_when_parked: bool = False,
    ) -> R: ...
    async def accepted(self, execution_id: str) -> None: ...
    async def status(self, execution_id: str) -> State: ...
    async def wait(
        self, execution_id: str, states: Collection[str], timeout: float | None
    ) -> State: ...
    async def history(
        self, execution_id: str, workflow: Workflow[Any, Any]
    ) -> list[HistoryEvent]: ...
    async def plan(self, execution_id: str, workflow: Workflow[Any, Any]) -> list[PlannedUndo]: ...


class Ordered(Protocol):
    """What a handle orders; likewise."""

    async def cancel(self, execution_id: str, reason: str) -> None: ...
    async def resume(self, execution_id: str, reason: str) -> None: ...
    async def resolve(
        self, execution_id: str, how: str, reason: str, arguments: Mapping[str, Any] | None
    ) -> None: ...


class Executions(Asked, Ordered, Protocol):
    """Who answers for executions: an engine, or a client of one."""


class Handle(Generic[R_co]):
    """Made by an engine or a client; holds no state but the id.

    A client's orders wait for an engine that carries them out. Whoever stops waiting (a timeout, a
    cancelled task) takes nothing back: the order is durable.
    """

    __slots__ = ("_executions", "_workflow", "id")

    def __init__(
        self, execution_id: str, workflow: Workflow[Any, R_co], executions: Executions
    ) -> None:
        self.id = execution_id
        self._workflow = workflow
        self._executions = executions

    @property
    def _asked(self) -> Executions:
        refuse_in_body("asking for an execution, or giving it an order,")
        return self._executions

    async def result(self, *, timeout: float | None = None, on_parked: str = "raise") -> R_co:
        """The result, once it is durable.

        Raises the typed failure that the body ended with (notes tell what was undone),
        CancelledExecution, RetriesExhausted, or WorkflowDefect. On a suspended, blocked or stuck
        execution ExecutionParked, unless `on_parked="wait"`. TimeoutError after `timeout` seconds;
        the execution goes on.
        """
        if on_parked not in ("raise", "wait"):
            raise ValueError(f'on_parked={on_parked!r}: say "raise" or "wait"')
        return await self._asked.result(
            self._workflow, self.id, timeout=timeout, wait_when_parked=on_parked == "wait"
        )

    async def accepted(self) -> None:
        """Returns when an engine has taken the start that gave this handle; at once if none did.

        Raises what `engine.start` would have raised: DifferentRequest, UnknownCode, Undecodable.
        """
        await self._asked.accepted(self.id)

    async def status(self) -> State:
        """How the execution is; see perdure.domain.states."""
        return await self._asked.status(self.id)

    async def wait(
        self, *, states: Collection[str] = ENDED_STATES, timeout: float | None = None
    ) -> State:
        """The state, once its word is one of these, or once the execution has ended all the same.

        Words as in perdure.domain.states.WORDS: "suspended", "stuck", "succeeded"... TimeoutError
        after `timeout` seconds. A state that has passed before anybody looked is not seen.
        """
        unknown = set(states) - set(WORDS.values())
        if isinstance(states, str) or unknown:
            raise ValueError(f"states={states!r}: give words among {', '.join(WORDS.values())}")
        return await self._asked.wait(self.id, states, timeout)

    async def history(self) -> list[HistoryEvent]:
        """All events, in their order."""
        return await self._asked.history(self.id, self._workflow)

    async def cancel(self, reason: str = "cancelled by request") -> None:
        """Asks the body to stop, and undoes what it has done. Returns when that is durable.

        CannotCancel when it is past its pivot.
        """
        await self._asked.cancel(self.id, reason)

    async def resume(self, reason: str = "") -> None:
        """Lets a suspended, blocked or stuck execution go on. Returns when that is durable."""
        await self._asked.resume(self.id, reason)

    async def resolve(
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
        await self._asked.resolve(self.id, how, reason, arguments)

    async def plan(self) -> list[PlannedUndo]:
        """What a rollback would undo now, in its order, with recorded values; nothing is done.

        UnknownCode from a client's handle that was given no workflow, where only its code tells.
        """
        return await self._asked.plan(self.id, self._workflow)

    def __repr__(self) -> str:
        return f"<Handle of {self.id}>"
