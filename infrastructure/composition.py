"""The composition root: from an address and the user's code to an engine. Nothing else wires."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from perdure.infrastructure.clock import SystemClock, SystemIds, SystemRandomness
from perdure.infrastructure.journals import open_journal, open_post_office
from perdure.infrastructure.keys import KeyRing
from perdure.sagas.activity import Activity
from perdure.sagas.client import Client
from perdure.sagas.engine import WorkflowEngine
from perdure.sagas.settings import EngineSettings
from perdure.sagas.workflow import Workflow


@asynccontextmanager
async def open_engine(
    url: str,
    workflows: Iterable[Workflow[Any, Any]],
    *,
    activities: Iterable[Activity[..., Any]] = (),
    settings: EngineSettings | None = None,
    keys: KeyRing | None = None,
) -> AsyncIterator[WorkflowEngine]:
    """Opens an engine on a journal and takes up what is unfinished there.

    `url`: `sqlite:///payments.db`, `postgresql://host/database?schema=payments`, or
    `memory://name` for tests. On PostgreSQL it waits for another engine there to end, or for its
    lease to: `settings.lease_seconds`. `activities`: those that executions in the journal may still
    have to undo although no workflow's body calls them any more. On leaving, attempts in flight may
    end within `settings.stop_seconds`.

    `keys`: what is stored is encrypted by them; without, by those that PERDURE_KEYS or
    PERDURE_KEY_FILE gives, and by none if neither does. NoKeys for a journal that was written with
    keys before, BadKeys for a ring that cannot be used. A journal in memory is never encrypted.

    >>> async with open_engine("sqlite:///payments.db", [process_payment]) as engine:
    ...     tracking_id = await engine.execute(process_payment, request)
    """
    settings = settings or EngineSettings()
    journal = await open_journal(url, lease_seconds=settings.lease_seconds, keys=keys)
    try:
        engine = WorkflowEngine(
            journal,
            workflows,
            activities=activities,
            settings=settings,
            clock=getattr(journal, "clock", None) or SystemClock(),
            randomness=SystemRandomness(),
        )
        async with engine:
            yield engine
    finally:  # the engine closes it too, but may be interrupted there
        await journal.close()


@asynccontextmanager
async def connect(
    url: str, *, reply_timeout: float | None = None, keys: KeyRing | None = None
) -> AsyncIterator[Client]:
    """A client of the journal at this address, whether an engine runs on it or not.

    `url` as for `open_engine`; the journal is made if there is none yet. It may be in any process
    that reaches the file or the server, several of them at once, beside an engine too.
    `reply_timeout`: how many seconds `cancel`, `resume`, `resolve` and `accepted` of its handles
    wait for an engine, before they raise TimeoutError, although the order stands; without, as long
    as it takes. `keys` as for `open_engine`: orders and replies are encrypted too.

    >>> async with connect("sqlite:///payments.db") as client:
    ...     handle = await client.start(process_payment, request)
    """
    office = await open_post_office(url, keys=keys)
    clock, ids = SystemClock(), SystemIds()
    async with Client(office, clock=clock, ids=ids, reply_timeout=reply_timeout) as client:
        yield client
