"""Two activities under one name: an error where a body asks, as an undo by name could not tell."""

from decimal import Decimal

import pytest

from perdure import ExecutionParked, UnknownCode, activity, suspend, workflow
from tests.engine.places import Place
from tests.engine.shop import (
    OutOfStock,
    charge_credit_card,
    crashed_at,
    create_tracking_code,
    look_up,
    world,
)

pytestmark = pytest.mark.every_python


@activity(name="look_up")
async def look_elsewhere(what: str) -> str:
    return f"another {what}"


@activity(name="look_elsewhere", aliases=["look_up"])
async def renamed(what: str) -> str:
    return f"another {what}"


@workflow(key=str)
async def look(order_id: str) -> str:
    return await look_up("door")


@workflow(key=str)
async def search(order_id: str) -> str:
    found = await look_elsewhere("door")
    await suspend("somebody has to look")
    return found


@workflow(key=str, name="search")
async def search_by_another_name(order_id: str) -> str:
    found = await renamed("door")
    await suspend("somebody has to look")
    return found


@workflow(key=str, raises=[OutOfStock])
async def buy(order_id: str) -> None:
    await charge_credit_card("visa-token", Decimal("12.50"))
    await create_tracking_code("Mill Lane 3")
    raise OutOfStock(sku="lamp")


async def test_the_name_of_another_body_s_activity_blocks_the_one_that_asks_second(
    place: Place,
) -> None:
    async with place.engine(look, search) as engine:
        assert await engine.execute(look, "o-1", timeout=10) == "the door"
        with pytest.raises(ExecutionParked, match=r"'look_up' \(.*shop\.py:.*test_names\.py:"):
            await engine.execute(search, "o-1", timeout=10)
        assert await engine.execute(look, "o-2", timeout=10) == "the door"
    async with place.engine(search) as engine:  # alone it can be told
        handle = engine.handle("search@o-1")
        await handle.wait(states=["suspended"], timeout=10)
        await handle.resume()
        assert await handle.result(timeout=10) == "another door"


async def test_so_does_the_name_of_one_that_the_engine_was_opened_with(place: Place) -> None:
    async with place.engine(search, activities=[look_up]) as engine:
        with pytest.raises(ExecutionParked, match="two different activities are named 'look_up'"):
            await engine.execute(search, "o-1", timeout=10)
    async with place.engine(search, activities=[look_elsewhere]) as engine:
        handle = engine.handle("search@o-1")
        await handle.wait(states=["suspended"], timeout=10)


async def test_a_name_of_its_own_heals_it_with_the_old_one_as_an_alias(place: Place) -> None:
    async with place.engine(search) as engine:
        handle = await engine.start(search, "o-1")
        await handle.wait(states=["suspended"], timeout=10)
    async with place.engine(look, search_by_another_name) as engine:
        assert await engine.execute(look, "o-1", timeout=10) == "the door"
        handle = engine.handle("search@o-1")
        await handle.resume()
        assert await handle.result(timeout=10) == "another door"


async def test_a_rollback_under_way_is_told_by_its_own_body(place: Place) -> None:
    @activity(name="charge_credit_card")
    async def charge_in_cash(amount: str) -> str:
        return amount

    @workflow(key=str)
    async def pay_in_cash(order_id: str) -> str:
        return await charge_in_cash("12.50")

    left = await crashed_at("void", place, buy, "o-1")
    gate = world.hold("void")
    async with left.engine(pay_in_cash, buy) as engine:
        await gate.entered()
        assert await engine.execute(pay_in_cash, "o-2", timeout=10) == "12.50"
        gate.open()
        with pytest.raises(OutOfStock):
            await engine.handle("buy@o-1").result(timeout=10)
    assert world.times_done("refund") == 1


@pytest.mark.parametrize(
    ("kind", "advice"), [("activity", "aliases=[...]"), ("declared failure", "name=...")]
)
def test_what_no_code_has_is_told_with_how_its_old_name_is_kept(kind: str, advice: str) -> None:
    # A failure has no aliases, and was told to have some.
    told = str(UnknownCode("pay@1", kind, "OutOfStock"))
    assert told.startswith(f"pay@1: no {kind} named 'OutOfStock' is known here;")
    assert told.endswith(f"or keep the old name by {advice}")
