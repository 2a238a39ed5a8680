"""Starts: an execution begins, or joins the one that is there, or is the next run of its key."""

import asyncio
from dataclasses import replace
from typing import Any

from perdure.domain.errors import Busy, EngineStopped
from perdure.domain.identity import Identity
from perdure.domain.journal import Journal
from perdure.domain.mailbox import Settlement, Taken, encoded
from perdure.sagas.callbacks import in_callback
from perdure.sagas.inquiry import Inquiry
from perdure.sagas.residents import Residents
from perdure.sagas.runs import may_run_again, run_meant
from perdure.sagas.start import Start
from perdure.sagas.workflow import Workflow


class Starts:
    """See the module. One for an engine."""

    def __init__(self, journal: Journal, residents: Residents, inquiry: Inquiry) -> None:
        self._journal = journal
        self._residents = residents
        self._inquiry = inquiry

    async def check_room(self, workflow: Workflow[Any, Any], execution_id: str) -> None:
        """Raises Busy where there is no room; what would be joined needs none."""
        residents = self._residents
        if residents.free > 0 or execution_id in residents.live:
            return
        _, row = await run_meant(self._journal, execution_id)
        if row is None or may_run_again(workflow.run_again, row):
            raise Busy(execution_id, residents.limit)

    async def begin(
        self,
        workflow: Workflow[Any, Any],
        start: Start,
        settles: tuple[Settlement, ...] = (),
    ) -> tuple[str, bool]:
        """The run, and whether it was started now; otherwise it was joined.

        Raises DifferentRequest, EngineStopped.
        """
        if await self._begun(workflow, start, settles):
            return start.execution_id, True
        first = run = start.execution_id
        while workflow.run_again != "never":
            await self._residents.decided(first)
            run, row = await run_meant(self._journal, first)
            if row is None or not may_run_again(workflow.run_again, row):
                break
            identity = Identity.of(run)
            following = replace(
                start, execution_id=str(identity.at(identity.run + 1)), previous=run
            )
            if await self._begun(workflow, following, told(settles, identity.run + 1)):
                return following.execution_id, True
            await self._residents.decided(following.execution_id)  # somebody else was first
        await self._inquiry.joined(workflow, run, start.payload)
        return run, False

    async def _begun(
        self, workflow: Workflow[Any, Any], start: Start, settles: tuple[Settlement, ...]
    ) -> bool:
        """Whether it was started now. False: the id is taken."""
        residents = self._residents
        if residents.stopping:
            raise EngineStopped(start.execution_id, residents.broken_by)
        if start.execution_id in residents.live:
            return False
        started: list[asyncio.Future[bool]] = []

        def begin() -> None:
            if start.execution_id not in residents.live:
                started.append(residents.begin(workflow, start, settles))

        await in_callback(residents.around.loop, begin)
        return bool(started) and await started[0]


def told(settles: tuple[Settlement, ...], run: int) -> tuple[Settlement, ...]:
    """The same settlements, whose reply says which run was begun."""
    return tuple(replace(each, reply=encoded(Taken(run=run))) for each in settles)
