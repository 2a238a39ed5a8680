"""Goes through a journal page by page, and has its executions replayed by several processes.

The journal is opened read-only; an engine may run on it meanwhile. In memory are a few pages of
ids; the streams are read by the processes that replay them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from perdure.domain.journal import (
    ENDED_STATES,
    OPEN_STATES,
    PARKED_STATES,
    IndexRow,
    Journal,
    Scan,
)
from perdure.infrastructure.gate.answers import UNTRIED, Answer, Task
from perdure.infrastructure.gate.processes import Pair, Worker, pairs
from perdure.infrastructure.gate.report import Group, Report

PAGE = 2_000  # rows of the index
HANGS_LIMIT = 10  # then no more is replayed
BATCH = 16  # streams that a process reads at once
MORE_SEEDS = (101, 102, 103)
LOOKED_INTO = 8  # groups whose first one is replayed with those seeds too
UNFINISHED = OPEN_STATES + PARKED_STATES

Batch: TypeAlias = Sequence[IndexRow]
Told: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which executions: the unfinished ones, of one workflow if it is named, and `finished` more.

    That is so many of each workflow that the code has, the newest ones.
    """

    workflow: str | None = None
    finished: int = 0


async def unfinished(journal: Journal, workflow: str | None) -> int:
    """How many there are."""
    return sum([len(page) async for page in paged(journal, UNFINISHED, workflow)])


async def check(journal: Journal, task: Task, wanted: Wanted, *, jobs: int, told: Told) -> Report:
    """Everything that is wanted, replayed twice each. `told` hears how many more are done.

    Raises CodeNotUsable, GateBroken, JournalError.
    """
    report, waiting = Report(), asyncio.Queue[Batch | None](2 * jobs)
    fresh: list[Group] = []
    async with pairs(task, max(1, jobs // 2)) as working:
        names = await working[0].workers[0].workflows()
        try:
            async with asyncio.TaskGroup() as group:
                for each in working:
                    group.create_task(_work(each, waiting, report, fresh, told))
                async for page in batches(journal, wanted, names):
                    await waiting.put(page)
                for _ in working:
                    await waiting.put(None)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    await _look_into(task, report, fresh)
    return report


async def _work(
    pair: Pair,
    waiting: asyncio.Queue[Batch | None],
    report: Report,
    fresh: list[Group],
    told: Told,
) -> None:
    while (batch := await waiting.get()) is not None:
        if report.hanging < HANGS_LIMIT:
            found = await pair.examine([row.execution_id for row in batch])
        else:
            found = [untried(row) for row in batch]
        for row, answers in zip(batch, found, strict=True):
            group = report.add(row.workflow, row.state, answers)
            if group is not None and len(fresh) < LOOKED_INTO:
                fresh.append(group)
        told(len(batch))


def untried(row: IndexRow) -> tuple[Answer, Answer]:
    """Said of what comes after too many that hang: each of them takes its whole time."""
    why = f"{row.execution_id}: not replayed, since {HANGS_LIMIT} or more before it hung; mend that"
    answer = Answer(id=row.execution_id, kind=UNTRIED, why=why)
    return answer, answer


async def _look_into(task: Task, report: Report, fresh: Sequence[Group]) -> None:
    """Whether it is the code that differs, or chance: by processes with yet other hash seeds."""
    diverging = [each for each in fresh if each.first.kind == "diverges"]
    if not diverging:
        return
    workers = [Worker(task, seed) for seed in MORE_SEEDS]
    ids = [each.first.id for each in diverging]
    try:
        async with asyncio.TaskGroup() as together:
            asked = [together.create_task(each.examine(ids)) for each in workers]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    finally:
        for each in workers:
            await each.close()
    for number, group in enumerate(diverging):
        report.depends(group, [each.result()[number] for each in asked])


async def batches(journal: Journal, wanted: Wanted, names: Sequence[str]) -> AsyncIterator[Batch]:
    """What is to be examined, in portions for one process; `names` are the code's workflows."""
    async for page in paged(journal, UNFINISHED, wanted.workflow):
        for first in range(0, len(page), BATCH):
            yield page[first : first + BATCH]
    sampled = [each for each in names if wanted.workflow in (None, each)]
    for name in sampled if wanted.finished else ():
        left = wanted.finished
        async for page in paged(journal, ENDED_STATES, name, min(PAGE, left)):
            for first in range(0, min(left, len(page)), BATCH):
                yield page[:left][first : first + BATCH]
            left -= len(page)
            if left <= 0:
                break


async def paged(
    journal: Journal, states: tuple[str, ...], workflow: str | None, limit: int = PAGE
) -> AsyncIterator[Sequence[IndexRow]]:
    """The index, newest first."""
    after: tuple[int, str] | None = None
    while True:
        page = await journal.scan(
            Scan(states=states, workflow=workflow, everything=True, after=after, limit=limit)
        )
        if page:
            yield page
        if len(page) < limit:
            return
        after = (page[-1].started, page[-1].execution_id)
