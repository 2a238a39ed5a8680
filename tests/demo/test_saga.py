"""The saga's activities, one by one, against the real shop: what each attempt tells and learns."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from perdure.infrastructure.demo import saga
from perdure.infrastructure.demo.client import NoAnswer, QuotaExceeded, Refused
from perdure.infrastructure.demo.shop.conduct import (
    AnswerLost,
    Fate,
    Loss,
    Operation,
    Proper,
    conduct_of,
    fate_of,
)
from perdure.infrastructure.demo.shop.conduct import (
    QuotaExceeded as Quota,
)
from perdure.infrastructure.demo.shop.orders import Order
from perdure.sagas.context import ActivityContext, Undoes, current
from tests.demo.conftest import SEED, RunningShop


@pytest.fixture(autouse=True)
async def opened(shop: RunningShop) -> AsyncIterator[None]:
    async with saga.shop.opened(shop.url):
        yield


@contextmanager
def attempt(order: Order, key: str, undoes: str | None = None) -> Iterator[None]:
    """The code runs as the engine would run an attempt with this key."""
    token = current.set(
        ActivityContext(
            execution_id=f"process_payment@{order.order_id}",
            idempotency_key=f"{key} of {order.order_id}",
            attempt=1,
            undoes=None if undoes is None else Undoes(f"{undoes} of {order.order_id}", "unknown"),
        )
    )
    try:
        yield
    finally:
        current.reset(token)


def proper(order_id: str, fate: Fate = Fate.FULFILLED, *operations: Operation) -> bool:
    return fate_of(SEED, order_id) is fate and all(
        conduct_of(SEED, operation, order_id, 1) == Proper() for operation in operations
    )


async def test_a_charge_is_known_at_the_gateway_by_the_activity_key(shop: RunningShop) -> None:
    order = shop.pick(lambda order_id: proper(order_id, Fate.FULFILLED, Operation.CHARGE))
    with attempt(order, "charge"):
        charge = await saga.charge_credit_card.function(order.payment_method, order.amount)
    booked = [each for each in shop.books().charges if each.order_id == order.order_id]
    assert [(each.key, each.reference) for each in booked] == [
        (f"charge of {order.order_id}", charge.reference)
    ]


async def test_a_declined_card_is_a_declared_failure(shop: RunningShop) -> None:
    order = shop.pick(lambda order_id: proper(order_id, Fate.DECLINED, Operation.CHARGE))
    with attempt(order, "charge"), pytest.raises(saga.CardDeclined) as declined:
        await saga.charge_credit_card.function(order.payment_method, order.amount)
    assert declined.value.reason == "insufficient funds"


async def test_an_empty_shelf_is_a_declared_failure(shop: RunningShop) -> None:
    order = shop.pick(lambda order_id: proper(order_id, Fate.OUT_OF_STOCK, Operation.SHIP))
    with attempt(order, "ship"), pytest.raises(saga.OutOfStock) as empty:
        await saga.send_order_to_shipping.function(order.order_id, "TRK-1")
    assert empty.value.sku == order.sku


async def test_a_lost_answer_is_a_defect_and_the_charge_is_undone_by_its_key(
    shop: RunningShop,
) -> None:
    order = shop.pick(
        lambda order_id: (
            proper(order_id, Fate.FULFILLED, Operation.REFUND)
            and conduct_of(SEED, Operation.CHARGE, order_id, 1) == AnswerLost(loss=Loss.DROPPED)
        )
    )
    with attempt(order, "charge"), pytest.raises(NoAnswer):
        await saga.charge_credit_card.function(order.payment_method, order.amount)
    with attempt(order, "refund", undoes="charge"):
        await saga.refund_credit_card.function(result=None, amount=order.amount)
    undone = [each for each in shop.books().refunds if each.order_id == order.order_id]
    assert [(each.undone_key, each.reference is None) for each in undone] == [
        (f"charge of {order.order_id}", False)
    ]


async def test_a_used_up_quota_tells_the_engine_when_to_come_back(shop: RunningShop) -> None:
    order = shop.pick(
        lambda order_id: (
            conduct_of(SEED, Operation.CREATE_TRACKING_CODE, order_id, 1)
            == Quota(retry_after_seconds=1)
        )
    )
    with attempt(order, "code"), pytest.raises(QuotaExceeded) as turned_away:
        await saga.create_shipping_tracking_code.function(order.address)
    assert turned_away.value.retry_after == 1.0


async def test_the_code_and_the_parcel_are_taken_back_by_their_keys(shop: RunningShop) -> None:
    needed = (
        Operation.CREATE_TRACKING_CODE,
        Operation.SHIP,
        Operation.RECALL,
        Operation.CANCEL_TRACKING_CODE,
    )
    order = shop.pick(lambda order_id: proper(order_id, Fate.FULFILLED, *needed))
    with attempt(order, "code"):
        tracking_id = await saga.create_shipping_tracking_code.function(order.address)
    with attempt(order, "ship"):
        await saga.send_order_to_shipping.function(order.order_id, tracking_id)
    with attempt(order, "recall", undoes="ship"):
        await saga.recall_order_from_shipping.function(order.order_id)
    with attempt(order, "cancel", undoes="code"):
        await saga.cancel_tracking_code.function()
    books = shop.books()
    undone = [each for each in (*books.recalls, *books.cancellations) if each.reference]
    assert [each.order_id for each in undone] == [order.order_id, order.order_id]


async def test_a_refusal_that_nobody_declared_is_no_failure_of_the_saga(shop: RunningShop) -> None:
    order = shop.pick(
        lambda order_id: proper(order_id, Fate.FULFILLED, Operation.CHARGE, Operation.REFUND)
    )
    with attempt(order, "refund", undoes="charge"):
        await saga.refund_credit_card.function(result=None, amount=Decimal(1))
    with attempt(order, "charge"), pytest.raises(Refused) as refused:
        await saga.charge_credit_card.function(order.payment_method, order.amount)
    assert refused.value.code == "key_barred"


async def test_a_worker_that_did_not_connect_is_told_how() -> None:
    unopened = saga.ShopConnection()
    with pytest.raises(RuntimeError, match=r"async with shop\.opened"):
        _ = unopened.client
