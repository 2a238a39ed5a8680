"""Bodies that would not leave: kept, counted, and blocked where they have something left to do."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path

import pytest

from perdure import ExecutionParked, Workflow, connect, suspend, workflow
from perdure.domain.states import BlockedByCode, Succeeded, Waiting
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import OutOfStock, charge_credit_card, crashed_at, find, look_up, world

pytestmark = pytest.mark.every_python

FAR = 3600.0


@workflow(key=str, name="order")
async def waits_stubbornly(order_id: str) -> str:
    await look_up("order")
    while True:
        try:
            await asyncio.sleep(FAR)
        except BaseException:
            continue


@workflow(key=str, name="order")
async def is_suspended_stubbornly(order_id: str) -> str:
    await look_up("order")
    while True:
        try:
            await suspend("somebody has to look")
        except BaseException:
            continue


async def stays() -> None:
    while True:
        try:
            await asyncio.sleep(FAR)
        except asyncio.CancelledError:
            raise
        except BaseException:
            continue


@workflow(key=str, name="order")
async def has_a_defect_and_a_stubborn_branch(order_id: str) -> str:
    await look_up("order")
    staying = asyncio.create_task(stays())
    await asyncio.sleep(0)
    raise ValueError(f"a bug while {staying} runs")


@workflow(key=str, name="order")
async def mended(order_id: str) -> str:
    await look_up("order")
    await suspend("somebody has to look")
    return "found"


@pytest.mark.parametrize(
    "stubborn", [waits_stubbornly, is_suspended_stubbornly, has_a_defect_and_a_stubborn_branch]
)
async def test_a_body_that_would_not_leave_is_blocked_and_told_where_it_stands(
    place: Place, caplog: pytest.LogCaptureFixture, stubborn: Workflow[str, str]
) -> None:
    heard: list[ExecutionParked] = []
    async with place.engine(stubborn, find, on_parked=heard.append) as engine:
        handle = await engine.start(stubborn, "o-1")
        state = await handle.wait(states=["blocked"], timeout=10)
        assert isinstance(state, BlockedByCode)
        with pytest.raises(ExecutionParked) as parked:
            await handle.result(timeout=10)
        assert await engine.execute(find, "o-2", timeout=10) == "the price"
        assert isinstance(await handle.status(), BlockedByCode)
        await handle.cancel("later")
        assert isinstance(await handle.status(), BlockedByCode)
        assert engine._residents.around.leaks.count == 1
        assert (await kinds(handle))[-1] == "CancellationRequested"  # for the next engine
    assert "order@o-1: its body does not leave memory at " in state.reason
    assert f"{__file__}:" in state.reason
    assert "catch Exception there" in state.reason
    assert parked.value.state == "blocked"
    assert "order@o-1" in [error.execution_id for error in heard if error.state == "blocked"]
    assert any("kept in memory for good: 1" in record.getMessage() for record in caplog.records)


async def test_one_whose_body_would_not_leave_goes_on_with_mended_code(place: Place) -> None:
    async with place.engine(is_suspended_stubbornly) as engine:
        handle = await engine.start(is_suspended_stubbornly, "o-1")
        await handle.wait(states=["blocked"], timeout=10)
    async with place.engine(mended) as engine:
        handle = engine.handle("order@o-1")
        await handle.wait(states=["suspended"], timeout=10)
        await handle.resume()
        assert await handle.result(timeout=10) == "found"
    assert world.steps == ["order"]


@workflow(key=str)
async def ends_stubbornly(order_id: str) -> str:
    async def articles() -> AsyncGenerator[str, None]:
        while True:
            try:
                yield await look_up("lamp")
            except BaseException:
                continue

    opened = articles()
    return await anext(opened)


async def test_an_end_is_not_disturbed_by_what_would_not_leave(place: Place) -> None:
    async with place.engine(ends_stubbornly, find) as engine:
        assert await engine.execute(ends_stubbornly, "o-1", timeout=10) == "the lamp"
        handle = engine.handle("ends_stubbornly@o-1")
        assert isinstance(await handle.status(), Succeeded)
        assert engine._residents.around.leaks.count == 1
        assert await engine.execute(find, "o-2", timeout=10) == "the price"


@workflow(key=str, raises=[OutOfStock])
async def buy(order_id: str) -> None:
    await charge_credit_card("visa-token", Decimal("12.50"))
    raise OutOfStock(sku="lamp")


@workflow(key=str, name="buy", raises=[OutOfStock])
async def buy_stubbornly(order_id: str) -> None:
    while True:
        try:
            await asyncio.sleep(FAR)
        except BaseException:
            continue


async def test_a_rollback_is_not_disturbed_by_a_body_that_would_not_leave(place: Place) -> None:
    left = await crashed_at("refund", place, buy, "o-1")
    async with left.engine(buy_stubbornly, activities=[charge_credit_card]) as engine:
        with pytest.raises(OutOfStock):
            await engine.handle("buy@o-1").result(timeout=10)
        assert engine._residents.around.leaks.count == 1
    assert world.times_done("refund") == 1


async def test_looking_at_a_plan_blocks_nobody(place: Place) -> None:
    async with place.engine(stays_near) as engine:
        handle = await engine.start(stays_near, "o-1")
        await recorded(handle, "TimerSet")
        left = place.crashed()
        assert await handle.plan() == []
        assert isinstance(await handle.status(), Waiting)
    async with connect(left.url) as client:
        assert await client.handle("stays_near@o-1", stays_near).plan() == []


@workflow(key=str)
async def stays_near(order_id: str) -> None:
    await look_up("order")
    while True:
        try:
            await asyncio.sleep(5.0)
        except BaseException:
            continue


PROGRAM = """
import asyncio
from tests.engine.places import InMemory, recorded
from tests.engine.test_leaks import stays_near

async def main() -> None:
    async with InMemory().engine(stays_near) as engine:
        await recorded(await engine.start(stays_near, "o-1"), "TimerSet")

asyncio.run(main())
print("closed")
"""


def test_neither_the_stop_nor_the_exit_of_a_process_waits_for_such_a_body() -> None:
    asked = [sys.executable, "-c", PROGRAM]
    folder = Path(__file__).parents[2]
    ran = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert (ran.stdout, ran.returncode) == ("closed\n", 0), ran.stderr
    assert "Bodies kept in memory for good: 1" in ran.stderr
