"""Stuck compensations: what operators decide is recorded, and what a rollback would do is told."""

from decimal import Decimal

import pytest

from perdure import CannotResolve, ExecutionParked, Failure, activity, workflow
from perdure.domain.states import Compensated, Compensating, Stuck
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import (
    SOON,
    OutOfStock,
    ProcessPayment,
    crashed_at,
    process_payment,
    world,
)

pytestmark = pytest.mark.every_python
ORDER = ProcessPayment(order_id="o-1")


class AccountClosed(Failure):
    account: str


@activity(retry=SOON)
async def pay(account: str, amount: Decimal) -> str:
    await world.serve("pay", account, amount)
    return f"paid by {account}"


@pay.compensate(retry=SOON, raises=[AccountClosed])
async def pay_back(result: str | None, account: str, amount: Decimal) -> None:
    await world.serve("pay back", result, account, amount)


@activity(raises=[OutOfStock])
async def ship(order_id: str) -> None:
    raise OutOfStock(sku="lamp")


@workflow(key=str, raises=[OutOfStock])
async def buy(order_id: str) -> None:
    await pay("first", Decimal("1.50"))
    await pay("second", Decimal("2.50"))
    await ship(order_id)


async def test_skip_leaves_one_activity_done_and_undoes_the_others(place: Place) -> None:
    # behaviour 24
    world.fail("pay back", AccountClosed(account="second"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="stuck"):
            await handle.result(timeout=10)
        await handle.resolve("skip", reason="written off, ticket 7")
        with pytest.raises(OutOfStock) as failure:
            await handle.result(timeout=10)
        state = await handle.status()
        assert isinstance(state, Compensated)
        assert (state.undone, state.skipped) == (("pay",), ("pay",))
        assert "skipped: pay" in "".join(failure.value.__notes__)
        [resolved] = [one for one in await handle.history() if one.kind == "CompensationResolved"]
        assert (resolved.reason, resolved.activity) == ("written off, ticket 7", "pay")
    assert [call.given[1] for call in world.of("pay back")] == ["second", "first"]


async def test_by_hand_counts_as_undone(place: Place) -> None:
    # behaviour 24
    world.fail("pay back", AccountClosed(account="second"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="stuck"):
            await handle.result(timeout=10)
        await handle.resolve("by_hand", reason="sent a cheque")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)
        state = await handle.status()
        assert isinstance(state, Compensated)
        assert (state.undone, state.skipped) == (("pay", "pay"), ())


async def test_replaced_arguments_hold_for_every_later_attempt_also_after_a_crash(
    place: Place,
) -> None:
    # behaviour 24
    world.fail("pay back", AccountClosed(account="second"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="stuck"):
            await handle.result(timeout=10)
        gate = world.hold("pay back")
        await handle.resolve("replace", arguments={"account": "another", "amount": "3.00"})
        await gate.entered()
        left = place.crashed()
    world.release("pay back")
    async with left.engine(buy) as engine:
        with pytest.raises(OutOfStock):
            await engine.handle("buy@o-1").result(timeout=10)
    given = [call.given for call in world.of("pay back")]
    assert given[0] == ("paid by second", "second", Decimal("2.50"))
    assert given[1] == given[2] == ("paid by second", "another", Decimal("3.00"))
    assert given[3] == ("paid by first", "first", Decimal("1.50"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"acount": "x"}, "has no parameter 'acount'"), ({"amount": "many"}, "amount")],
)
async def test_arguments_that_do_not_fit_are_refused_and_nothing_is_recorded(
    place: Place, arguments: dict[str, object], told: str
) -> None:
    world.fail("pay back", AccountClosed(account="second"))
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        with pytest.raises(ExecutionParked, match="stuck"):
            await handle.result(timeout=10)
        before = await kinds(handle)
        with pytest.raises(CannotResolve, match=told):
            await handle.resolve("replace", arguments=arguments)
        assert await kinds(handle) == before
        assert isinstance(await handle.status(), Stuck)
        await handle.resolve("retry", reason="it is open again")
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)


async def test_a_compensation_that_is_retried_for_ever_can_be_resolved_between_attempts(
    place: Place,
) -> None:
    # behaviour 24
    world.fail("pay back", *[ConnectionError("no answer")] * 1000)
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "o-1")
        await recorded(handle, "CompensationAttemptFailed")
        assert isinstance(await handle.status(), Compensating)
        while True:
            try:
                await handle.resolve("skip", reason="the bank is gone")
            except CannotResolve:  # an attempt is in flight just now
                continue
            break
        world.errors.clear()
        with pytest.raises(OutOfStock):
            await handle.result(timeout=10)


async def test_there_is_nothing_to_resolve_where_nothing_is_stuck(place: Place) -> None:
    async with place.engine(process_payment) as engine:
        gate = world.hold("total")
        handle = await engine.start(process_payment, ORDER)
        with pytest.raises(CannotResolve, match="no compensation of it waits"):
            await handle.resolve("skip", reason="why not")
        gate.open()
        await handle.result(timeout=10)
        with pytest.raises(CannotResolve, match="it has ended"):
            await handle.resolve("skip", reason="why not")
        with pytest.raises(ValueError, match="needs a reason"):
            await handle.resolve("skip")
        with pytest.raises(ValueError, match="goes with"):
            await handle.resolve("replace")


async def test_a_plan_tells_what_a_rollback_would_undo_with_which_values(place: Place) -> None:
    left = await crashed_at("ship", place, process_payment, ORDER)
    gate = world.hold("ship")
    async with left.engine(process_payment) as engine:
        handle = engine.handle("process_payment@o-1")
        await gate.entered()
        plan = await handle.plan()
        assert [(step.activity, step.compensation) for step in plan] == [
            ("create_tracking_code", "void_tracking_code"),
            ("charge_credit_card", "refund_credit_card"),
        ]
        assert plan[1].arguments["amount"] == "12.50"
        assert plan[0].result == "code for Mill Lane 3"
        before = await kinds(handle)
        gate.open()
        await handle.result(timeout=10)
        assert (await kinds(handle))[: len(before)] == before
        assert await handle.plan() == []
