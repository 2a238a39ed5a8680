"""What a body may not do, is told where it does it, and cannot hang the process with."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import (
    ExecutionParked,
    Handle,
    Workflow,
    WorkflowEngine,
    workflow,
)
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import find, look_up, world

pytestmark = pytest.mark.every_python

Ask = Callable[[], Awaitable[Any]]


def ask_again() -> Awaitable[str]:
    return look_up("price")


def gather_again() -> Awaitable[Any]:
    return asyncio.gather(look_up("price"))


def sleep_again() -> Awaitable[None]:
    return asyncio.sleep(3600.0)


async def group_again() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(look_up("price"))


@pytest.mark.parametrize("ask", [ask_again, gather_again, sleep_again, group_again])
async def test_a_body_that_swallows_its_dismissal_for_ever_hangs_nobody(
    memory: Place, ask: Ask
) -> None:
    world.hold("price")

    @workflow(key=str)
    async def stubborn(order_id: str) -> None:
        await look_up("order")
        while True:
            try:
                await ask()
            except BaseException:
                continue

    async with memory.engine(stubborn, find) as engine:
        handle = await engine.start(stubborn, "o-1")
        kind = "TimerSet" if ask is sleep_again else "ActivityStarted"
        await recorded(handle, kind, 1 if ask is sleep_again else 2)
    assert world.steps.count("order") == 1


async def in_order(coroutines: list[Any]) -> list[Any]:
    return [await one for one in asyncio.as_completed(coroutines)]


async def branch(what: str) -> str:
    async with asyncio.timeout(60.0):
        return await look_up(what)


def alike() -> list[Any]:
    return [look_up("price"), look_up("price")]


def alike_inside() -> list[Any]:
    async def with_children(what: str) -> list[str]:
        return await asyncio.gather(look_up(what), look_up("both"))

    return [with_children("price"), with_children("cost")]


def alike_in_time() -> list[Any]:
    return [branch("price"), branch("cost")]


def different() -> list[Any]:
    return [look_up("price"), look_up("cost")]


def as_tasks() -> list[Any]:
    return [asyncio.create_task(branch(what)) for what in ("price", "cost", "price")]


@pytest.mark.parametrize("made", [alike, alike_inside, alike_in_time])
async def test_as_completed_is_refused_coroutines_that_ask_for_the_same_at_once(
    memory: Place, made: Callable[[], list[Any]]
) -> None:
    @workflow(key=str)
    async def order(order_id: str) -> int:
        return len(await in_order(made()))

    async with memory.engine(order) as engine:
        with pytest.raises(ExecutionParked, match=r"give it tasks: as_completed") as parked:
            await engine.execute(order, "o-1", timeout=10)
    assert parked.value.state == "blocked"
    assert world.calls == []


@pytest.mark.parametrize(("made", "count"), [(different, 2), (as_tasks, 3)])
async def test_as_completed_takes_coroutines_that_differ_and_tasks(
    memory: Place, made: Callable[[], list[Any]], count: int
) -> None:
    @workflow(key=str)
    async def order(order_id: str) -> int:
        first = len(await in_order(made()))
        return first + len(await in_order(made())) - count

    async with memory.engine(order) as engine:
        assert await engine.execute(order, "o-1", timeout=10) == count


def start(engine: WorkflowEngine, handle: Handle[Any]) -> Awaitable[Any]:
    return engine.start(find, "inner")


def execute(engine: WorkflowEngine, handle: Handle[Any]) -> Awaitable[Any]:
    return engine.execute(find, "inner")


def cancel(engine: WorkflowEngine, handle: Handle[Any]) -> Awaitable[Any]:
    return handle.cancel()


def status(engine: WorkflowEngine, handle: Handle[Any]) -> Awaitable[Any]:
    return handle.status()


@pytest.mark.parametrize("ask", [start, execute, cancel, status])
async def test_an_engine_is_not_asked_from_within_a_body(
    memory: Place, ask: Callable[[WorkflowEngine, Handle[Any]], Awaitable[Any]]
) -> None:
    known: list[WorkflowEngine] = []

    @workflow(key=str)
    async def outer(order_id: str) -> None:
        await ask(known[0], known[0].handle("outer@o-1"))

    async with memory.engine(outer, find) as engine:
        known.append(engine)
        with pytest.raises(ExecutionParked, match=r"ForbiddenInBody: .*do it in an activity"):
            await engine.execute(outer, "o-1", timeout=10)
        assert "CancellationRequested" not in await kinds(engine.handle("outer@o-1"))
    assert world.calls == []


def ordering(name: str, *, changed: bool) -> tuple[Workflow[Any, Any], int]:
    """Two branches, of which the second asks for something else after a change."""

    async def check(what: str) -> str:
        await look_up("order")
        if changed and what == "cost":
            return await asked(name)
        return await look_up(what)

    async def asked(_: str) -> str:
        return await look_up("elsewhere")

    line = asked.__code__.co_firstlineno + 1

    @workflow(key=str, name=name)
    async def order(order_id: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(check("price"))
            group.create_task(check("cost"))

    return order, line


async def test_a_divergence_tells_the_line_of_the_branch_that_diverges(memory: Place) -> None:
    world.hold("price")
    world.hold("cost")
    before, _ = ordering("order", changed=False)
    async with memory.engine(before) as engine:
        await recorded(await engine.start(before, "o-1"), "ActivityStarted", 4)
    after, line = ordering("order", changed=True)
    async with memory.engine(after) as engine:
        with pytest.raises(ExecutionParked, match=rf"test_attempts_and_bodies.py:{line}\b"):
            await engine.handle("order@o-1").result(timeout=10)


def sleeping(name: str, seconds: float) -> tuple[Workflow[Any, Any], int]:
    async def rest() -> None:
        await asyncio.sleep(seconds)

    line = rest.__code__.co_firstlineno + 1

    @workflow(key=str, name=name)
    async def order(order_id: str) -> None:
        await rest()

    return order, line


async def test_a_divergence_tells_the_line_of_a_sleep_too(memory: Place) -> None:
    before, _ = sleeping("order", 3600.0)
    async with memory.engine(before) as engine:
        await recorded(await engine.start(before, "o-1"), "TimerSet")
    after, line = sleeping("order", 1800.0)
    async with memory.engine(after) as engine:
        await engine.handle("order@o-1").cancel()
        with pytest.raises(ExecutionParked, match=rf"test_attempts_and_bodies.py:{line}\b"):
            await engine.handle("order@o-1").result(timeout=10)
