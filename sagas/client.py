"""The client: places orders on a journal from any process, and reads what became of them.

It runs nothing, and needs no engine that runs: an order is durable when it returns, and carried out
by the engine that has the journal open, now or later.
"""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from msgspec import Raw

from perdure.domain.clock import Clock, Ids
from perdure.domain.identity import check_tags, execution_id, normal
from perdure.domain.mailbox import StartOrder
from perdure.domain.post_office import PostOffice
from perdure.domain.states import moment
from perdure.sagas.correspondence import UNWRITTEN, Correspondence, Letters
from perdure.sagas.forbidden import refuse_in_body
from perdure.sagas.handle import Handle
from perdure.sagas.lookout import Lookout
from perdure.sagas.posting import Posting
from perdure.sagas.workflow import Workflow

Q = TypeVar("Q")
R = TypeVar("R")


class Client:
    """Orders and answers over a journal's mailbox. Use it as an async context manager.

    Its handles are those of an engine. What differs: an order waits in the mailbox until an engine
    takes it, and whoever waits for that waits as long.
    """

    def __init__(
        self, office: PostOffice, *, clock: Clock, ids: Ids, reply_timeout: float | None = None
    ) -> None:
        self._office = office
        self._lookout = Lookout(office)
        self._posting = Posting(office)
        self._about = Correspondence(
            Letters(office, self._lookout, self._posting, clock, ids, reply_timeout)
        )

    async def start(
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

        >>> handle = await client.start(process_payment, request)
        >>> tracking_id = await handle.result()
        """
        refuse_in_body(f"starting {workflow.name}")
        payload, _ = workflow.encode_request(request)
        identity = execution_id(workflow.name, workflow.key_of(request))
        about = await self._about.begun(
            identity,
            StartOrder(request=Raw(payload), start_at=moment(start_at), tags=check_tags(tags)),
            within,
        )
        return Handle(identity, workflow, about)

    async def execute(
        self,
        workflow: Workflow[Q, R],
        request: Q,
        *,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> R:
        """Orders an execution and waits for its result (the talk's send); see Handle.result."""
        handle = await self.start(workflow, request, tags=tags)
        return await handle.result(timeout=timeout)

    @overload
    def handle(self, execution_id: str, workflow: None = None) -> Handle[Any]: ...
    @overload
    def handle(self, execution_id: str, workflow: Workflow[Any, R]) -> Handle[R]: ...

    def handle(self, execution_id: str, workflow: Workflow[Any, Any] | None = None) -> Handle[Any]:
        """The handle of an execution by its id, whether or not there is one.

        Without the workflow its result comes as plain JSON data, and a failure whose class is not
        imported as a plain Failure that tells its name. Raises BadIdentity.
        """
        return Handle(normal(execution_id), workflow or UNWRITTEN, self._about)

    async def close(self) -> None:
        """Posts what was ordered, and lets go of the journal. Idempotent."""
        await self._posting.close()
        await self._lookout.close()
        await self._office.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
