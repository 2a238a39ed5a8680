"""Bodies whose branches run beside each other; what each returns does not depend on any delay."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio

from perdure import Failure, Workflow, workflow
from tests.engine.shop import look_up, send_order_to_shipping

Body: TypeAlias = Callable[[str], Awaitable[list[str]]]
NEVER = 3600


async def pick(article: str, count: int) -> list[str]:
    """A sequence of one branch."""
    return [await look_up(f"{article}{number}") for number in range(count)]


async def first_completed(order_id: str) -> list[str]:
    """A winner of two steps against two that never end; the losers are cancelled and waited for."""
    winner = asyncio.create_task(pick("book", 2))
    losers = [asyncio.create_task(asyncio.sleep(NEVER, "slow")) for _ in range(2)]
    done, waiting = await asyncio.wait([winner, *losers], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    ended = await asyncio.gather(*losers, return_exceptions=True)
    return [*done.pop().result(), *(type(each).__name__ for each in ended), *await pick("lamp", 1)]


async def first_exception(order_id: str) -> list[str]:
    async def fail() -> list[str]:
        await look_up("book")
        raise Failure("no book")

    tasks = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(NEVER, ["slow"]))]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in waiting:
        task.cancel()
    return [*(str(task.exception()) for task in done), *await pick("lamp", 1)]


async def all_completed_in_time(order_id: str) -> list[str]:
    tasks = [asyncio.create_task(pick(article, 2)) for article in ("book", "lamp")]
    done, waiting = await asyncio.wait(tasks, timeout=NEVER)
    assert not waiting
    return sorted(article for task in done for article in task.result())


async def as_completed_tasks(order_id: str) -> list[str]:
    tasks = [asyncio.create_task(pick(article, 2)) for article in ("book", "lamp", "pen")]
    return sorted([answer for ended in asyncio.as_completed(tasks) for answer in await ended])


async def as_completed_coroutines(order_id: str) -> list[str]:
    """asyncio begins them in the order of a set of coroutines, another one in every run."""
    parts = [pick(article, 2) for article in ("book", "lamp", "pen", "cup", "rug")]
    return sorted([answer for ended in asyncio.as_completed(parts) for answer in await ended])


async def shielded(order_id: str) -> list[str]:
    """The waiter gives up, the branch goes on."""
    task = asyncio.ensure_future(pick("book", 3))
    try:
        async with asyncio.timeout(NEVER):
            waiter = asyncio.create_task(wait_shielded(task))
            await look_up("lamp")
            waiter.cancel()
            await asyncio.wait([waiter])
    finally:
        books = await task
    return [*books, str(waiter.cancelled())]


async def wait_shielded(task: "asyncio.Future[list[str]]") -> None:
    await asyncio.shield(task)


async def gathered_with_exceptions(order_id: str) -> list[str]:
    async def fail(article: str) -> str:
        await look_up(article)
        raise Failure(f"no {article}")

    parts = [fail("book"), look_up("lamp"), fail("pen"), send_order_to_shipping(order_id, "c-7")]
    return [str(each) for each in await asyncio.gather(*parts, return_exceptions=True)]


async def gathered_and_left(order_id: str) -> list[str]:
    """gather raises the first failure and leaves the others running; they are still waited for."""

    async def fail() -> None:
        raise Failure("at once")

    other = asyncio.create_task(pick("book", 2))
    try:
        await asyncio.gather(fail(), other)
    except Failure as failure:
        return [str(failure), *await other]
    return []


async def queue(order_id: str) -> list[str]:
    handed: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)
    found: list[str] = []

    async def work(name: str) -> None:
        while (article := await handed.get()) is not None:
            found.append(await look_up(article))

    async with asyncio.TaskGroup() as group:
        for name in ("ada", "bob"):
            group.create_task(work(name))
        for article in ["book", "lamp", "pen", "cup", None, None]:
            await handed.put(article)
    return sorted(found)


async def event_and_condition(order_id: str) -> list[str]:
    opened, changed = asyncio.Event(), asyncio.Condition()
    found: list[str] = []

    async def look(article: str) -> None:
        await opened.wait()
        answer = await look_up(article)
        async with changed:
            found.append(answer)
            changed.notify_all()

    async with asyncio.TaskGroup() as group:
        for article in ("book", "lamp", "pen"):
            group.create_task(look(article))
        await look_up("door")
        opened.set()
        async with changed:
            await changed.wait_for(lambda: len(found) == 3)
    return sorted(found)


async def semaphore_and_lock(order_id: str) -> list[str]:
    places, lock = asyncio.Semaphore(2), asyncio.Lock()
    most = inside = 0

    async def look(article: str) -> str:
        nonlocal most, inside
        async with places:
            inside += 1
            most = max(most, inside)
            answer = await look_up(article)
            inside -= 1
        async with lock:
            return f"{answer} {await look_up(f'{article} again')}"

    found = await asyncio.gather(*map(look, ["book", "lamp", "pen"]))
    return [*found, str(most)]


async def anyio_group(order_id: str) -> list[str]:
    found: list[str] = []

    async def look(article: str) -> None:
        found.extend(await pick(article, 2))

    async with anyio.create_task_group() as group:
        group.start_soon(look, "book")
        group.start_soon(look, "lamp")
    return sorted(found)


async def anyio_cancelled_group(order_id: str) -> list[str]:
    """The first of two steps cancels the other branches."""
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, NEVER)
        group.start_soon(asyncio.sleep, NEVER)
        found = await pick("book", 2)
        group.cancel_scope.cancel()
    return [*found, *await pick("lamp", 1)]


async def anyio_scopes(order_id: str) -> list[str]:
    with anyio.move_on_after(0.002) as scope:
        await anyio.sleep_forever()
    told = [str(scope.cancelled_caught)]
    try:
        with anyio.fail_after(0.002):
            await asyncio.sleep(NEVER)
    except TimeoutError:
        told.append(await look_up("book"))
    with anyio.CancelScope() as outer:
        outer.cancel()
        with anyio.CancelScope(shield=True):
            told.append(await look_up("lamp"))
        told.append(await look_up("never"))
    return told


async def anyio_streams(order_id: str) -> list[str]:
    sender, receiver = anyio.create_memory_object_stream[str](1)
    found: list[str] = []

    async def work() -> None:
        async with receiver:
            async for article in receiver:
                found.append(await look_up(article))

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        async with sender:
            for article in ("book", "lamp", "pen"):
                await sender.send(article)
    return found


BODIES: tuple[Body, ...] = (
    first_completed,
    first_exception,
    all_completed_in_time,
    as_completed_tasks,
    as_completed_coroutines,
    shielded,
    gathered_with_exceptions,
    gathered_and_left,
    queue,
    event_and_condition,
    semaphore_and_lock,
    anyio_group,
    anyio_cancelled_group,
    anyio_scopes,
    anyio_streams,
)


def declared(body: Body) -> Workflow[str, list[str]]:
    made: Any = workflow(key=str)(body)
    return made  # type: ignore[no-any-return]


SHAPES = tuple(map(declared, BODIES))
