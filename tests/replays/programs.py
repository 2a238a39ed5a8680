"""Random small workflows as data, the one body that interprets them, and the world they change.

A program is a nested list; paths name its steps, so that every call is told apart. The world is
keyed: what was done under a key, and what was undone.
"""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel

from perdure import Failure, Retry, activity, current_activity, version, workflow
from perdure.sagas.errors import PayloadError

SOON = Retry.fixed(0.001)


class Refused(Failure):
    path: str


class World:
    """What the activities did, by idempotency key, and how often each path was begun."""

    def __init__(self) -> None:
        self.done: dict[str, str] = {}
        self.undone: list[str] = []
        self.keys: dict[str, set[str]] = {}
        self.completed: Counter[str] = Counter()

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def begin(self, path: str) -> str:
        key = current_activity().idempotency_key
        self.keys.setdefault(path, set()).add(key)
        return key


world = World()


class Program(BaseModel):
    name: str
    steps: list[Any]


@activity(retry=SOON)
async def do(path: str) -> str:
    key = world.begin(path)
    world.done[key] = path
    world.completed[path] += 1
    return path


@do.compensate(retry=SOON)
async def undo(result: str | None, path: str) -> None:
    undoes = current_activity().undoes
    assert undoes is not None
    if world.done.pop(undoes.idempotency_key, None) is not None:
        world.undone.append(path)


@activity(retry=SOON)
async def stumble(path: str) -> str:
    world.begin(path)
    if current_activity().attempt == 1:
        raise ConnectionError(path)
    return path


@activity(raises=[Refused])
async def refuse(path: str) -> str:
    raise Refused(path=path)


@activity(retry=SOON)
async def dawdle(path: str) -> str:
    key = world.begin(path)
    world.done[key] = path
    await asyncio.sleep(0.05)
    return path


@dawdle.compensate(retry=SOON)
async def hurry(result: str | None, path: str) -> None:
    undoes = current_activity().undoes
    assert undoes is not None
    if world.done.pop(undoes.idempotency_key, None) is not None:
        world.undone.append(path)


async def run(step: list[Any], path: str) -> str:
    """Interprets one step; what it returns depends on every result below it."""
    match step:
        case ["do"]:
            return await do(path)
        case ["stumble"]:
            return await stumble(path)
        case ["refuse"]:
            return await refuse(path)
        case ["sleep"]:
            await asyncio.sleep(0.002)
            return path
        case ["version", str(change)]:
            return f"{path}:{version(change, 2)}"
        case ["catch", inner]:
            try:
                return await run(inner, f"{path}c")
            except Refused as refused:
                return await do(f"{path}-instead-of-{refused.path}")
        case ["finally", inner]:
            try:
                return await run(inner, f"{path}f")
            finally:
                await do(f"{path}-at-last")
        case ["timeout"]:
            try:
                async with asyncio.timeout(0.01):
                    return await dawdle(path)
            except TimeoutError:
                return f"{path}-late"
        case ["wait_for", inner]:
            return await asyncio.wait_for(run(inner, f"{path}w"), 60)
        case ["gather", *parts]:
            parts_run = (run(part, f"{path}.{n}") for n, part in enumerate(parts))
            return "+".join(await asyncio.gather(*parts_run))
        case ["group", *parts]:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(run(part, f"{path}.{n}")) for n, part in enumerate(parts)
                ]
            return "&".join(task.result() for task in tasks)
        case ["sequence", *parts]:
            return ",".join([await run(part, f"{path}.{n}") for n, part in enumerate(parts)])
    raise PayloadError("a step", "one of the above", path, repr(step), "mend the generator")


@workflow(key="name", raises=[Refused])
async def interpret(program: Program) -> str:
    return await run(["sequence", *program.steps], "p")


def several(kind: str, inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    return st.lists(inner, min_size=1, max_size=3).map(lambda parts: [kind, *parts])


leaves = st.sampled_from(
    [
        ["do"],
        ["stumble"],
        ["refuse"],
        ["sleep"],
        ["version", "a"],
        ["version", "b"],
        ["timeout"],
    ]
)
steps = st.recursive(
    leaves,
    lambda inner: st.one_of(
        several("gather", inner),
        several("group", inner),
        several("sequence", inner),
        inner.map(lambda one: ["catch", one]),
        inner.map(lambda one: ["finally", one]),
        inner.map(lambda one: ["wait_for", one]),
    ),
    max_leaves=8,
)
programs = st.lists(steps, min_size=1, max_size=4)
