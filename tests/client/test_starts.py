"""Starts from a client: durable at once, taken when an engine is there, joined or refused."""

import asyncio
from decimal import Decimal

import pytest
from pydantic import BaseModel

from perdure import (
    BadIdentity,
    Client,
    DifferentRequest,
    Undecodable,
    UnknownCode,
    UnknownExecution,
    connect,
    workflow,
)
from perdure.domain.states import Succeeded, Waiting
from tests.engine.places import Place, kinds
from tests.engine.shop import OutOfStock, ProcessPayment, find, process_payment, world

ORDER = ProcessPayment(order_id="o-1")
PATIENCE_SECONDS = 10


class Renamed(BaseModel):
    order_id: str
    currency: str


@workflow(key="order_id", name="process_payment")
async def pays_in(request: Renamed) -> str:
    return request.currency


@workflow(key=lambda request: f"to {request.address}", name="process_payment")
async def pays_by_address(request: ProcessPayment) -> str:
    return request.address


async def test_an_order_is_durable_without_an_engine_and_carried_out_by_the_next(
    place: Place, client: Client
) -> None:
    handle = await client.start(process_payment, ORDER)
    assert handle.id == "process_payment@o-1"
    assert await handle.status() == Waiting("an engine that takes its start")
    assert await handle.history() == []
    async with connect(place.url) as other:  # by its id, from anywhere
        waiting = asyncio.create_task(other.handle(handle.id, process_payment).result())
        async with place.engine(process_payment):
            assert await handle.result(timeout=PATIENCE_SECONDS) == "code for Mill Lane 3"
            assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) == "code for Mill Lane 3"
    assert world.times_done("charge") == 1
    assert await handle.status() == Succeeded()
    assert (await kinds(handle))[-1] == "ExecutionSucceeded"


async def test_execute_gives_the_result_or_the_typed_failure(place: Place, client: Client) -> None:
    async with place.engine(process_payment):
        found = await client.execute(process_payment, ORDER, timeout=PATIENCE_SECONDS)
        assert found == "code for Mill Lane 3"
        world.fail("ship", OutOfStock(sku="A-1"))
        with pytest.raises(OutOfStock) as raised:
            await client.execute(process_payment, ProcessPayment(order_id="o-2"))
    assert raised.value.sku == "A-1"
    [note] = raised.value.__notes__
    assert "undone: create_tracking_code, charge_credit_card" in note
    assert world.times_done("refund") == 1


async def test_nobody_waits_longer_than_they_want_and_the_order_stays(
    place: Place, client: Client
) -> None:
    with pytest.raises(TimeoutError):
        await client.execute(process_payment, ORDER, timeout=0.05)
    async with place.engine(process_payment):
        handle = client.handle("process_payment@o-1", process_payment)
        assert await handle.result(timeout=PATIENCE_SECONDS) == "code for Mill Lane 3"


# behaviour 34
async def test_the_same_order_joins_and_another_one_is_refused_with_the_difference(
    place: Place, client: Client
) -> None:
    other = ORDER.model_copy(update={"address": "Hill Road 9"})
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(process_payment) as engine:
        first = await client.start(process_payment, ORDER)
        await first.accepted()
        again = await client.start(process_payment, ORDER)
        await again.accepted()
        refused = await client.start(process_payment, other)
        with pytest.raises(DifferentRequest) as raised:
            await refused.accepted()
        with pytest.raises(DifferentRequest):
            await refused.result()
        with pytest.raises(DifferentRequest):
            await client.execute(process_payment, other)
        with pytest.raises(DifferentRequest) as by_engine:
            await engine.start(process_payment, other)
        assert str(raised.value) == str(by_engine.value)
        assert '-  "address": "Mill Lane 3"' in raised.value.difference
        assert await again.result() == await first.result() == "code for Mill Lane 3"
        assert await (await client.start(process_payment, ORDER)).result()
    assert world.times_done("charge") == 1


async def test_what_cannot_be_carried_out_says_why_and_harms_nobody_else(
    place: Place, client: Client
) -> None:
    unknown = await client.start(find, "o-1")
    unreadable = await client.start(process_payment, ORDER)
    good = await client.start(pays_in, Renamed(order_id="o-2", currency="EUR"))
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(pays_in):
        with pytest.raises(UnknownCode, match="no workflow named 'find'"):
            await unknown.accepted()
        with pytest.raises(Undecodable, match="the request cannot be read"):
            await unreadable.accepted()
        with pytest.raises(Undecodable, match="currency"):
            await unreadable.result()
        assert await good.result() == "EUR"
        for handle in (unknown, unreadable):
            with pytest.raises(UnknownExecution):
                await client.handle(handle.id).result()


async def test_who_waits_by_the_id_of_an_order_that_is_refused_is_told(
    place: Place, client: Client
) -> None:
    await client.start(find, "o-1")
    waiting = asyncio.create_task(client.handle("find@o-1").result())
    await asyncio.sleep(0)
    async with place.engine(process_payment):
        with pytest.raises(UnknownExecution):
            await asyncio.wait_for(waiting, PATIENCE_SECONDS)


async def test_an_engine_with_another_key_refuses_the_order(place: Place, client: Client) -> None:
    handle = await client.start(pays_by_address, ORDER)
    async with place.engine(process_payment):
        with pytest.raises(BadIdentity, match="the key of this request is 'o-1'"):
            await asyncio.wait_for(handle.accepted(), PATIENCE_SECONDS)


async def test_orders_beyond_the_room_are_taken_and_wait_in_the_journal(
    place: Place, client: Client
) -> None:
    gate = world.hold("charge")
    handles = [
        await client.start(process_payment, ProcessPayment(order_id=f"o-{number}"))
        for number in range(12)
    ]
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(process_payment, max_in_flight=2):
        await asyncio.gather(*(handle.accepted() for handle in handles))
        assert world.steps.count("charge") <= 2
        gate.open()
        world.release("charge")
        await asyncio.gather(*(handle.result() for handle in handles))
    assert world.times_done("charge") == 12


async def test_many_orders_at_once_are_all_carried_out_once(place: Place, client: Client) -> None:
    requests = [ProcessPayment(order_id=f"o-{number % 300}") for number in range(600)]
    async with asyncio.timeout(30), place.engine(process_payment):
        results = await asyncio.gather(
            *(client.execute(process_payment, request) for request in requests)
        )
    assert set(results) == {"code for Mill Lane 3"}
    assert world.times_done("charge") == 300


async def test_results_are_of_the_declared_type_with_the_workflow_and_plain_without(
    place: Place, client: Client
) -> None:
    @workflow(key=str)
    async def price(order_id: str) -> dict[str, Decimal]:
        return {order_id: Decimal("12.50")}

    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(price, process_payment):
        assert await client.execute(price, "o-1") == {"o-1": Decimal("12.50")}
        assert await client.handle("price@o-1", price).result() == {"o-1": Decimal("12.50")}
        assert await client.handle("price@o-1").result() == {"o-1": "12.50"}


@pytest.mark.parametrize("name", ["", "o-1", "@o-1", "pay me@o-1"])
async def test_what_is_no_id_has_no_handle(client: Client, name: str) -> None:
    with pytest.raises(BadIdentity):
        client.handle(name)
