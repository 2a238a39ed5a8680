"""Small workflows as data, and the one body that carries them out.

A program is a tree of lists, each with its kind first. Sites number the activities of a program; a
script says letter by letter how the attempts of an activity go: `o` done, `d` a defect before it
is done, `l` done and the answer lost, `s` slow and then done, `t` done and then slow, `f` a
declared failure. Behind its end all goes well. `undo` is the script of the compensation.
"""

import asyncio
import json
from typing import Any, TypeAlias

from pydantic import BaseModel

from perdure import Activity, Failure, RetriesExhausted, Retry, activity, version, workflow
from tests.properties.world import world

Program: TypeAlias = Any  # ["seq", [program, ...]], ["do", site, name, script, undo], ...
AT_ONCE = Retry.fixed(0.0)
SOON = Retry.fixed(0.01)


class Refused(Failure):
    site: int


class Order(BaseModel):
    program: str  # as JSON


@activity(retry=SOON, raises=[Refused])
async def book(site: int, script: str, undo: str) -> str:
    await world.do(site, script, Refused(site=site))
    return f"booked {site}"


@book.compensate(retry=AT_ONCE)
async def unbook(result: str | None, undo: str) -> None:
    await world.undo(undo, result)


@activity(retry=Retry.fixed(0.0, attempts=2), raises=[Refused])
async def book_twice_at_most(site: int, script: str, undo: str) -> str:
    await world.do(site, script, Refused(site=site))
    return f"booked {site}"


@book_twice_at_most.compensate(retry=AT_ONCE)
async def unbook_after_twice(result: str | None, undo: str) -> None:
    await world.undo(undo, result)


@activity(retry=AT_ONCE, raises=[Refused], timeout=0.02)
async def book_quickly(site: int, script: str, undo: str) -> str:
    await world.do(site, script, Refused(site=site))
    return f"booked {site}"


@book_quickly.compensate(retry=SOON)
async def unbook_quickly(result: str | None, undo: str) -> None:
    await world.undo(undo, result)


@activity(retry=AT_ONCE, raises=[Refused])
async def look(site: int, script: str, undo: str) -> str:
    """Nothing has to be undone."""
    await world.do(site, script, Refused(site=site))
    return f"saw {site}"


ACTIVITIES: dict[str, Activity[..., str]] = {
    each.name: each for each in (book, book_twice_at_most, book_quickly, look)
}
UNDOABLE = {name for name, each in ACTIVITIES.items() if each.compensation is not None}


@workflow(key=lambda _: "p", raises=[Refused])
async def interpret(order: Order) -> str:
    done: list[str] = []
    await carry_out(json.loads(order.program), done)
    return ", ".join(done)


async def carry_out(program: Program, done: list[str]) -> None:
    match program:
        case ["do", site, name, script, undo]:
            try:
                answer = await ACTIVITIES[name](site, script, undo)
                assert answer.endswith(f" {site}"), "a branch was given another one's result"
                done.append(answer)
            except RetriesExhausted:
                raise Refused(site=site) from None
        case ["seq", parts]:
            for part in parts:
                await carry_out(part, done)
        case ["gather", parts]:
            await asyncio.gather(*(carry_out(part, done) for part in parts))
        case ["group", parts]:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(carry_out(part, done))
        case ["timeout" | "wait_for", milliseconds, part, after]:
            await carry_out_within(program[0], milliseconds / 1000, part, after, done)
        case ["sleep", milliseconds]:
            await asyncio.sleep(milliseconds / 1000)
        case ["catch", part, instead]:
            try:
                await carry_out(part, done)
            except (Failure, ExceptionGroup):
                await carry_out(instead, done)
        case ["finally", part, last]:
            try:
                await carry_out(part, done)
            finally:
                await carry_out(last, done)
        case ["version", change, part]:
            if version(f"change-{change}", 2) == 2:
                await carry_out(part, done)
        case ["fail"]:
            raise Refused(site=0)
        case _:
            raise AssertionError(program)


async def carry_out_within(
    how: str, seconds: float, part: Program, after: Program, done: list[str]
) -> None:
    """`after` is done when the time is over first."""
    try:
        if how == "timeout":
            async with asyncio.timeout(seconds):
                await carry_out(part, done)
        else:
            await asyncio.wait_for(carry_out(part, done), seconds)
    except TimeoutError:
        await carry_out(after, done)
