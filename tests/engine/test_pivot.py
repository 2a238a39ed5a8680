"""The pivot: the point of no return, after which an execution can only go forward."""

import pytest

from perdure import (
    CannotCancel,
    DeclarationError,
    ExecutionParked,
    Failure,
    RetriesExhausted,
    Retry,
    activity,
    workflow,
)
from perdure.domain.states import Suspended
from tests.engine.places import Place, recorded
from tests.engine.shop import SOON, look_up, world

pytestmark = pytest.mark.every_python


class Refused(Failure):
    """Nobody wants it."""


@activity(retry=SOON)
async def reserve(order_id: str) -> None:
    await world.serve("reserve", order_id)


@reserve.compensate(retry=SOON)
async def release(order_id: str) -> None:
    await world.serve("release", order_id)


@activity(retry=SOON, pivot=True)
async def pay(order_id: str) -> None:
    await world.serve("pay", order_id)


@activity(retry=Retry.never(), raises=[Refused])
async def deliver(order_id: str) -> None:
    await world.serve("deliver", order_id)


@workflow(key=str, raises=[Refused])
async def buy(order_id: str) -> None:
    await reserve(order_id)
    await pay(order_id)
    await deliver(order_id)


@workflow(key=str, name="buy", raises=[Refused])
async def buy_and_bring(order_id: str) -> None:
    await reserve(order_id)
    await pay(order_id)
    try:
        await deliver(order_id)
    except Refused:
        await look_up("another carrier")


async def test_before_the_pivot_a_failure_is_rolled_back(place: Place) -> None:
    @activity(retry=Retry.never(), pivot=True)
    async def pay_once(order_id: str) -> None:
        await world.serve("pay", order_id)

    @workflow(key=str)
    async def buy_once(order_id: str) -> None:
        await reserve(order_id)
        await pay_once(order_id)

    world.fail("pay", ConnectionError("no answer"))
    async with place.engine(buy_once) as engine:
        with pytest.raises(RetriesExhausted):
            await engine.execute(buy_once, "o-1", timeout=10)
    assert world.steps == ["reserve", "pay", "release"]


async def test_after_the_pivot_what_is_given_up_suspends_and_is_retried_forward(
    place: Place,
) -> None:
    world.fail("deliver", ConnectionError("no answer"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="past the pivot"):
            await handle.result(timeout=10)
        await handle.resume()
        await handle.result(timeout=10)
    assert world.steps == ["reserve", "pay", "deliver", "deliver"]


async def test_after_the_pivot_a_failure_waits_for_code_that_goes_on(place: Place) -> None:
    world.fail("deliver", Refused())
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        for _ in range(2):
            with pytest.raises(ExecutionParked, match=r"after its pivot pay.*Refused"):
                await handle.result(timeout=10)
            await handle.resume()
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
    async with place.engine(buy_and_bring) as engine:
        handle = engine.handle("buy@o-1")
        assert isinstance(await handle.status(), Suspended)
        await handle.resume("it goes another way now")
        await handle.result(timeout=10)
    assert world.steps == ["reserve", "pay", "deliver", "another carrier"]


async def test_after_the_pivot_nothing_is_cancelled(place: Place) -> None:
    gate = world.hold("deliver")
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        await recorded(handle, "ActivitySucceeded", 2)
        with pytest.raises(CannotCancel, match="past its pivot pay"):
            await handle.cancel()
        gate.open()
        await handle.result(timeout=10)


def test_a_pivot_has_no_compensation() -> None:
    # behaviour 1
    with pytest.raises(DeclarationError, match="a pivot is never undone"):

        @pay.compensate
        async def pay_back(order_id: str) -> None: ...
