"""Branches of a random program that run beside each other, in every way that asyncio has for it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeAlias

from perdure import Failure

Run: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]


async def gathered(run: Run, parts: list[Any]) -> None:
    await asyncio.gather(*map(run, parts))


async def gathered_with_failures(run: Run, parts: list[Any]) -> None:
    """Failures are looked at, and the body goes on."""
    answers = await asyncio.gather(*map(run, parts), return_exceptions=True)
    for answer in answers:
        if answer is not None and not isinstance(answer, Failure | ExceptionGroup):
            raise answer


async def grouped(run: Run, parts: list[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(run(part))


async def raced(run: Run, parts: list[Any]) -> None:
    """The first to end wins; the others are cancelled, and waited for."""
    done, losers = await first_of(run, parts)
    for task in losers:
        task.cancel()
    await asyncio.gather(*losers, return_exceptions=True)
    raise_failures(done)


async def raced_carelessly(run: Run, parts: list[Any]) -> None:
    """As `raced`, and nobody waits for those that are cancelled."""
    done, losers = await first_of(run, parts)
    for task in losers:
        task.cancel()
    raise_failures(done)


async def first_of(
    run: Run, parts: list[Any]
) -> tuple[set[asyncio.Task[None]], set[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(run(part)) for part in parts]
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def raise_failures(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.result()


async def as_completed(run: Run, parts: list[Any]) -> None:
    for ended in asyncio.as_completed([asyncio.create_task(run(part)) for part in parts]):
        await ended


async def as_completed_bare(run: Run, parts: list[Any]) -> None:
    """Given coroutines: asyncio makes the tasks of them, in the order of a set."""
    for ended in asyncio.as_completed(list(map(run, parts))):
        await ended


async def shielded(run: Run, milliseconds: int, part: Any, impatience: Any) -> None:
    """It goes on behind the timeout, and is waited for in the end."""
    task = asyncio.create_task(run(part))
    try:
        async with asyncio.timeout(milliseconds / 1000):
            await asyncio.shield(task)
    except TimeoutError:
        await run(impatience)
    await task


async def limited(run: Run, parts: list[Any]) -> None:
    """Two at a time."""
    places = asyncio.Semaphore(2)

    async def one(part: Any) -> None:
        async with places:
            await run(part)

    await asyncio.gather(*map(one, parts))


async def queued(run: Run, parts: list[Any]) -> None:
    """Handed to two workers, by way of a queue."""
    queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=1)

    async def work() -> None:
        while (part := await queue.get()) is not None:
            await run(part)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
        for part in [*parts, None, None]:
            await queue.put(part)


KINDS: dict[str, Callable[..., Awaitable[None]]] = {
    "gather": gathered,
    "gather_all": gathered_with_failures,
    "group": grouped,
    "race": raced,
    "race_carelessly": raced_carelessly,
    "completed": as_completed,
    "completed_bare": as_completed_bare,
    "shield": shielded,
    "limited": limited,
    "queue": queued,
}
