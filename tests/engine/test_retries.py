"""Attempts that fail: tried again by policy, in events, until there is an outcome or none."""

import asyncio
from datetime import timedelta

import pytest

from perdure import ExecutionParked, RetriesExhausted, Retry, activity, workflow
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import SOON, OutOfStock, crashed_at, look_up, send_order_to_shipping, world

pytestmark = pytest.mark.every_python


class Declined(Exception):
    """The gateway will not take this card, however often it is asked."""


class QuotaExceeded(Exception):
    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"come back in {retry_after} s")


@activity(retry=Retry.fixed(0.01, attempts=3))
async def charge_thrice(order_id: str) -> str:
    await world.serve("charge", order_id)
    return "charged"


@activity(retry=SOON, non_retryable=[Declined])
async def charge_unless_declined(order_id: str) -> None:
    await world.serve("charge", order_id)


@activity(retry=Retry.fixed(3600.0))
async def charge_hourly(order_id: str) -> str:
    await world.serve("charge", order_id)
    return "charged"


@activity(retry=Retry.fixed(0.01, attempts=2), on_exhausted="suspend")
async def charge_or_park(order_id: str) -> str:
    await world.serve("charge", order_id)
    return "charged"


@workflow(key=str)
async def pay_thrice(order_id: str) -> str:
    return await charge_thrice(order_id)


@workflow(key=str)
async def pay_unless_declined(order_id: str) -> None:
    await charge_unless_declined(order_id)


@workflow(key=str)
async def pay_hourly(order_id: str) -> str:
    return await charge_hourly(order_id)


@workflow(key=str)
async def pay_or_park(order_id: str) -> str:
    return await charge_or_park(order_id)


async def test_a_defect_is_recorded_and_tried_again_at_the_recorded_time(place: Place) -> None:
    # behaviour 14
    world.fail("charge", RuntimeError("503"), RuntimeError("504"))
    async with place.engine(pay_thrice) as engine:
        handle = await engine.start(pay_thrice, "o-1")
        assert await handle.result(timeout=10) == "charged"
        history = await handle.history()
    failed = [event for event in history if event.kind == "AttemptFailed"]
    started = [event for event in history if event.kind == "ActivityStarted"]
    assert [event.error for event in failed] == ["RuntimeError: 503", "RuntimeError: 504"]
    assert [event.attempt for event in failed] == [1, 2]
    assert [event.attempt for event in started] == [1, 2, 3]
    for failure, following in zip(failed, started[1:], strict=True):
        assert failure.due is not None
        assert failure.due - failure.time == timedelta(milliseconds=10)
        assert following.time >= failure.due


async def test_a_bounded_policy_gives_up_with_a_typed_error_in_the_body(place: Place) -> None:
    # behaviour 15
    @workflow(key=str)
    async def pay_or_tell(order_id: str) -> str:
        try:
            return await charge_thrice(order_id)
        except RetriesExhausted as error:
            await look_up("mail")
            return f"{error.activity}, {error.attempts}, {error.error}"

    world.fail("charge", *(RuntimeError(f"503 no {number}") for number in range(1, 4)))
    gate = world.hold("mail")
    async with place.engine(pay_or_tell) as engine:
        handle = await engine.start(pay_or_tell, "o-1")
        await gate.entered()
        left = place.crashed()
        gate.open()
        live = await handle.result(timeout=10)
    world.release("mail")
    async with left.engine(pay_or_tell) as engine:
        handle = engine.handle(handle.id)
        assert await handle.result(timeout=10) == live
        last = [e for e in await handle.history() if e.kind == "AttemptFailed" and e.ordinal == 1]
    assert live == "charge_thrice, 3, RuntimeError: 503 no 3"
    assert len(world.of("charge")) == 3
    assert last[-1].due is None


async def test_an_execution_that_ends_with_retries_exhausted_raises_it(place: Place) -> None:
    # behaviour 33
    world.fail("charge", *(RuntimeError("503") for _ in range(3)))
    async with place.engine(pay_thrice) as engine:
        with pytest.raises(RetriesExhausted) as failed:
            await engine.execute(pay_thrice, "o-1", timeout=10)
    assert (failed.value.activity, failed.value.attempts) == ("charge_thrice", 3)
    async with place.engine(pay_thrice) as engine:
        with pytest.raises(RetriesExhausted, match="503"):
            await engine.handle("pay_thrice@o-1").result(timeout=10)


async def test_what_is_not_retryable_gives_up_at_once(place: Place) -> None:
    # behaviour 15
    world.fail("charge", Declined("stolen"))
    async with place.engine(pay_unless_declined) as engine:
        with pytest.raises(RetriesExhausted, match="Declined: stolen"):
            await engine.execute(pay_unless_declined, "o-1", timeout=10)
    assert len(world.calls) == 1


async def test_a_declared_failure_is_an_outcome_and_not_tried_again(place: Place) -> None:
    # behaviour 15
    @workflow(key=str, raises=[OutOfStock])
    async def ship(order_id: str) -> None:
        await send_order_to_shipping(order_id, "code-7")

    world.fail("ship", OutOfStock(sku="A-1"))
    async with place.engine(ship) as engine:
        handle = await engine.start(ship, "o-1")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        assert "AttemptFailed" not in await kinds(handle)
    assert len(world.of("ship")) == 1


async def test_retry_after_replaces_the_backoff(place: Place) -> None:
    # behaviour 16
    world.fail("charge", QuotaExceeded(retry_after=0.005))
    async with place.engine(pay_hourly) as engine:
        handle = await engine.start(pay_hourly, "o-1")
        assert await handle.result(timeout=10) == "charged"
        failed = next(e for e in await handle.history() if e.kind == "AttemptFailed")
    assert failed.due is not None
    assert failed.due - failed.time == timedelta(milliseconds=5)


async def test_the_next_attempt_and_its_number_survive_a_crash(place: Place) -> None:
    # behaviour 14
    failed = asyncio.Event()

    class Telling(RuntimeError):
        """Tells the test that the attempt has failed."""

        retry_after = 0.7

        def __str__(self) -> str:
            failed.set()
            return "503"

    world.fail("charge", RuntimeError("502"), Telling())
    async with place.engine(pay_thrice) as engine:
        handle = await engine.start(pay_thrice, "o-1")
        await asyncio.wait_for(failed.wait(), 10)
        await recorded(handle, "AttemptFailed", 2)
        left = place.crashed()
    async with left.engine(pay_thrice) as engine:
        handle = engine.handle("pay_thrice@o-1")
        assert await handle.result(timeout=10) == "charged"
        history = await handle.history()
    assert [call.attempt for call in world.calls] == [1, 2, 3]
    dues = [event.due for event in history if event.kind == "AttemptFailed"]
    last = next(e for e in history if e.kind == "ActivityStarted" and e.attempt == 3)
    assert dues[1] is not None
    assert last.time >= dues[1]


async def test_a_policy_of_three_counts_a_crash_as_an_attempt(place: Place) -> None:
    # behaviour 14
    world.fail("charge", RuntimeError("502"), RuntimeError("503"))
    left = await crashed_at("charge", place, pay_thrice, "o-1")
    async with left.engine(pay_thrice) as engine:
        with pytest.raises(RetriesExhausted) as failed:
            await engine.handle("pay_thrice@o-1").result(timeout=10)
    assert failed.value.attempts == 3


async def test_exhausted_may_park_instead_and_resume_tries_once_more(place: Place) -> None:
    # behaviour 87
    world.fail("charge", RuntimeError("502"), RuntimeError("503"))
    async with place.engine(pay_or_park) as engine:
        handle = await engine.start(pay_or_park, "o-1")
        with pytest.raises(ExecutionParked, match="charge_or_park gave up after 2 attempts"):
            await handle.result(timeout=10)
        await handle.resume()
        assert await handle.result(timeout=10) == "charged"
    assert [call.attempt for call in world.calls] == [1, 2, 3]
