"""Lookups that are asked for at once are done at once, each after it was asked."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from perdure.infrastructure.joining import Joining


class Table:
    """What is looked up. Each lookup stands still until it is let go."""

    def __init__(self) -> None:
        self.rows = {"a": 1, "b": 2, "c": 3}
        self.lookups: list[list[str]] = []
        self.gate = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def read(self, names: Sequence[str]) -> Mapping[str, int]:
        self.lookups.append(list(names))
        found = {name: self.rows[name] for name in names if name in self.rows}
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        return found


async def a_turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_asked_for_while_one_is_under_way_goes_into_the_next() -> None:
    joining: Joining[int] = Joining()
    table = Table()
    first = asyncio.create_task(joining.look_up(["a"], table.read))
    await a_turn()
    later = [asyncio.create_task(joining.look_up([name], table.read)) for name in "bcx"]
    await a_turn()
    table.rows["b"] = 20  # after it was asked for, before it is looked up: seen
    table.gate.release()
    assert await first == {"a": 1}
    table.gate.release()
    assert await asyncio.gather(*later) == [{"b": 20}, {"c": 3}, {}]
    assert table.lookups == [["a"], ["b", "c", "x"]]


async def test_whoever_leaves_takes_nobody_s_answer_along() -> None:
    joining: Joining[int] = Joining()
    table = Table()
    leaving = asyncio.create_task(joining.look_up(["a"], table.read))
    staying = asyncio.create_task(joining.look_up(["b"], table.read))
    await a_turn()
    leaving.cancel()
    await a_turn()
    table.gate.release()
    assert await staying == {"b": 2}
    assert leaving.cancelled()


async def test_an_error_is_everybody_s_and_the_next_lookup_is_a_new_one() -> None:
    joining: Joining[int] = Joining()
    table = Table()
    table.error = ConnectionError("gone")
    table.gate.release()
    both = (joining.look_up([name], table.read) for name in "ab")
    assert [str(each) for each in await asyncio.gather(*both, return_exceptions=True)] == [
        "gone",
        "gone",
    ]
    table.error = None
    table.gate.release()
    assert await joining.look_up(["a"], table.read) == {"a": 1}
    assert len(table.lookups) == 2


async def test_an_error_that_nobody_waits_for_is_no_noise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    joining: Joining[int] = Joining()
    table = Table()
    table.error = ConnectionError("gone")
    alone = asyncio.create_task(joining.look_up(["a"], table.read))
    await a_turn()
    alone.cancel()
    table.gate.release()
    await a_turn()
    del alone
    assert not caplog.records
