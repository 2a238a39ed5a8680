"""Small workflows as data, and the one body that carries them out.

A program is a tree of lists, each with its kind first. Sites number the activities of a program;
`activities` says what its scripts mean, `branches` how branches run beside each other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import BaseModel

from perdure import Failure, RetriesExhausted, suspend, version, workflow
from tests.properties import branches
from tests.properties.activities import ACTIVITIES, UNDOABLE, Refused
from tests.properties.world import EXECUTION, worlds

__all__ = ["UNDOABLE", "Order", "Program", "interpret"]

Program: TypeAlias = Any  # ["seq", [program, ...]], ["do", site, name, script, undo], ...


class Order(BaseModel):
    program: str  # as JSON


class NotMended(Exception):
    """A defect of the body, until its code is mended."""


@dataclass
class Run:
    """One run of the body: called with a part of the program, it carries that out."""

    done: list[str] = field(default_factory=list)
    execution_id: str = EXECUTION

    def __call__(self, program: Program) -> Coroutine[Any, Any, None]:
        return carry_out(self, program)


@workflow(key=lambda _: "p", raises=[Refused])
async def interpret(order: Order) -> str:
    run = Run()
    await run(json.loads(order.program))
    return ", ".join(run.done)


async def carry_out(run: Run, program: Program) -> None:
    kind, *rest = program
    await KINDS[kind](run, *rest)


async def do(run: Run, site: int, name: str, script: str, undo: str) -> None:
    try:
        answer = await ACTIVITIES[name](site, script, undo)
    except RetriesExhausted:
        raise Refused(site=site) from None
    assert answer.endswith(f" {site}"), "a branch was given another one's result"
    run.done.append(answer)


async def in_sequence(run: Run, parts: list[Program]) -> None:
    for part in parts:
        await run(part)


async def sleep(run: Run, milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / 1000)


async def fail(run: Run) -> None:
    raise Refused(site=0)


async def suspended(run: Run, reason: str) -> None:
    await suspend(reason)


async def defect(run: Run) -> None:
    if not worlds[run.execution_id].is_mended():
        raise NotMended


async def catch(run: Run, part: Program, instead: Program) -> None:
    try:
        await run(part)
    except (Failure, ExceptionGroup):
        await run(instead)


async def catch_cancel(run: Run, part: Program, farewell: Program) -> None:
    try:
        await run(part)
    except asyncio.CancelledError:
        await run(farewell)
        raise


async def at_last(run: Run, part: Program, last: Program) -> None:
    try:
        await run(part)
    finally:
        await run(last)


async def versioned(run: Run, change: int, part: Program) -> None:
    if version(f"change-{change}", 2) == 2:
        await run(part)


async def versioned_loop(run: Run, change: int, parts: list[Program]) -> None:
    for part in parts:
        await versioned(run, change, part)


async def within(run: Run, milliseconds: int, part: Program, after: Program) -> None:
    """`after` is done when the time is over first."""
    try:
        async with asyncio.timeout(milliseconds / 1000):
            await run(part)
    except TimeoutError:
        await run(after)


async def wait_for(run: Run, milliseconds: int, part: Program, after: Program) -> None:
    try:
        await asyncio.wait_for(run(part), milliseconds / 1000)
    except TimeoutError:
        await run(after)


async def streamed(run: Run, parts: list[Program], last: Program) -> None:
    """Through an async generator that is left before its end, and has something to do then."""

    async def stream() -> AsyncIterator[None]:
        try:
            for part in parts:
                await run(part)
                yield
            yield
        finally:
            await run(last)

    async with aclosing(stream()) as opened:  # type: ignore[type-var]
        for _ in parts:
            await anext(opened)


KINDS: dict[str, Callable[..., Awaitable[None]]] = {
    "do": do,
    "seq": in_sequence,
    "sleep": sleep,
    "fail": fail,
    "suspend": suspended,
    "defect": defect,
    "catch": catch,
    "catch_cancel": catch_cancel,
    "finally": at_last,
    "version": versioned,
    "version_loop": versioned_loop,
    "timeout": within,
    "wait_for": wait_for,
    "stream": streamed,
    **branches.KINDS,
}
