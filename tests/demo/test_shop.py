"""The shop keeps its keys, and its books hold what its answers lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from perdure.infrastructure.demo.client import (
    Caller,
    NoAnswer,
    QuotaExceeded,
    Refused,
    ShopClient,
    Unavailable,
)
from perdure.infrastructure.demo.facts import Books, EffectFact
from perdure.infrastructure.demo.shop.conduct import (
    SILENCE_SECONDS,
    AnswerLost,
    Down,
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
from tests.demo.conftest import SEED, RunningShop, running_shop
from tests.demo.plain_saga import a_day

BARRED = "key_barred"


@pytest.fixture
async def client(shop: RunningShop) -> AsyncIterator[ShopClient]:
    async with ShopClient(shop.url, patience_seconds=SILENCE_SECONDS / 2) as opened:
        yield opened


def behaves(order_id: str, fate: Fate = Fate.FULFILLED, **asks: int) -> bool:
    """Whether the first asks of each operation (by member name) are answered properly."""
    return fate_of(SEED, order_id) is fate and all(
        conduct_of(SEED, Operation[name], order_id, ask) == Proper()
        for name, count in asks.items()
        for ask in range(1, count + 1)
    )


def first_conduct(operation: Operation, order_id: str) -> object:
    return conduct_of(SEED, operation, order_id, 1)


def caller(order: Order, key: str) -> Caller:
    return Caller(
        idempotency_key=f"{key}/{order.order_id}",
        execution_id=f"process_payment@{order.order_id}",
    )


def of(order: Order, facts: Iterable[EffectFact]) -> list[EffectFact]:
    return [fact for fact in facts if fact.order_id == order.order_id]


async def test_a_charge_asked_for_twice_with_one_key_is_made_once(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, CHARGE=2))
    asking = caller(order, "charge")
    first = await client.charge(asking, order.payment_method, order.amount)
    second = await client.charge(asking, order.payment_method, order.amount)
    books = shop.books()
    assert first == second == of(order, books.charges)[0].reference
    assert len(of(order, books.charges)) == 1
    noted = [(c.key, c.execution_id, c.effect) for c in books.calls if c.order_id == order.order_id]
    key, execution_id = asking.idempotency_key, asking.execution_id
    assert noted == [(key, execution_id, "performed"), (key, execution_id, "replayed")]


async def test_a_key_used_with_another_amount_is_refused(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, CHARGE=2))
    await client.charge(caller(order, "charge"), order.payment_method, order.amount)
    with pytest.raises(Refused) as refused:
        await client.charge(caller(order, "charge"), order.payment_method, order.amount + 1)
    assert refused.value.code == "key_reused"


async def test_a_refund_gives_the_money_back_once_however_often_it_is_asked(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, CHARGE=1, REFUND=2))
    charging, refunding = caller(order, "charge"), caller(order, "refund")
    reference = await client.charge(charging, order.payment_method, order.amount)
    outcomes = [
        await client.refund(refunding, charging.idempotency_key, order.amount, known)
        for known in (reference, None)
    ]
    assert outcomes == ["refunded", "refunded"]
    refunds = [r for r in shop.books().refunds if r.order_id == order.order_id]
    assert [(r.undone_key, r.reference) for r in refunds] == [(charging.idempotency_key, reference)]


async def test_a_refund_of_what_was_never_charged_bars_its_key(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, CHARGE=1, REFUND=1))
    charging, refunding = caller(order, "charge"), caller(order, "refund")
    outcome = await client.refund(refunding, charging.idempotency_key, order.amount, None)
    assert outcome == "nothing charged"
    with pytest.raises(Refused) as refused:
        await client.charge(charging, order.payment_method, order.amount)
    assert refused.value.code == BARRED
    assert of(order, shop.books().charges) == []


@pytest.mark.parametrize(
    ("reference", "more"),
    [("ch_another", Decimal(0)), (None, Decimal(1))],
    ids=["charge", "amount"],
)
async def test_a_refund_of_another_charge_or_amount_is_refused(
    shop: RunningShop, client: ShopClient, reference: str | None, more: Decimal
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, CHARGE=1, REFUND=1))
    charging, refunding = caller(order, "charge"), caller(order, "refund")
    await client.charge(charging, order.payment_method, order.amount)
    with pytest.raises(Refused):
        await client.refund(refunding, charging.idempotency_key, order.amount + more, reference)
    assert [r for r in shop.books().refunds if r.order_id == order.order_id] == []


async def test_codes_and_parcels_are_keyed_and_taken_back_by_their_keys(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(
        lambda order_id: behaves(
            order_id, CREATE_TRACKING_CODE=2, SHIP=2, RECALL=1, CANCEL_TRACKING_CODE=1
        )
    )
    coding, shipping = caller(order, "code"), caller(order, "ship")
    codes = [await client.create_tracking_code(coding, order.address) for _ in range(2)]
    parcels = [await client.ship(shipping, order.order_id, codes[0]) for _ in range(2)]
    books = shop.books()
    assert len(set(codes)) == len(set(parcels)) == 1
    assert len(of(order, books.tracking_codes)) == len(of(order, books.shipments)) == 1
    recalled = await client.recall(caller(order, "recall"), shipping.idempotency_key)
    cancelled = await client.cancel_tracking_code(caller(order, "c"), coding.idempotency_key)
    assert (recalled, cancelled) == ("recalled", "cancelled")


@pytest.mark.parametrize("loss", Loss)
async def test_a_lost_answer_leaves_the_charge_in_the_books(
    shop: RunningShop, client: ShopClient, loss: Loss
) -> None:
    def loses(order_id: str) -> bool:
        second = conduct_of(SEED, Operation.CHARGE, order_id, 2)
        first = first_conduct(Operation.CHARGE, order_id)
        return behaves(order_id) and second == Proper() and first == AnswerLost(loss=loss)

    order = shop.pick(loses)
    charging = caller(order, "charge")
    with pytest.raises(NoAnswer):
        await client.charge(charging, order.payment_method, order.amount)
    charged = of(order, shop.books().charges)
    assert [charge.key for charge in charged] == [charging.idempotency_key]
    again = await client.charge(charging, order.payment_method, order.amount)
    assert again == charged[0].reference
    assert of(order, shop.books().charges) == charged


async def test_a_declined_card_is_never_charged(shop: RunningShop, client: ShopClient) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, Fate.DECLINED, CHARGE=1))
    with pytest.raises(Refused) as refused:
        await client.charge(caller(order, "charge"), order.payment_method, order.amount)
    assert refused.value.code == "card_declined"
    assert of(order, shop.books().charges) == []


async def test_an_empty_shelf_is_found_after_the_charge(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, Fate.OUT_OF_STOCK, CHARGE=1, SHIP=1))
    await client.charge(caller(order, "charge"), order.payment_method, order.amount)
    with pytest.raises(Refused) as refused:
        await client.ship(caller(order, "ship"), order.order_id, "TRK-1")
    assert (refused.value.code, refused.value.answer["sku"]) == ("out_of_stock", order.sku)
    assert len(of(order, shop.books().charges)) == 1


async def test_a_used_up_quota_says_when_to_come_back(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(
        lambda order_id: (
            first_conduct(Operation.CREATE_TRACKING_CODE, order_id) == Quota(retry_after_seconds=1)
        )
    )
    with pytest.raises(QuotaExceeded) as turned_away:
        await client.create_tracking_code(caller(order, "code"), order.address)
    assert turned_away.value.retry_after == 1.0
    assert of(order, shop.books().tracking_codes) == []


async def test_the_mail_service_is_down_for_the_first_orders_and_comes_back(
    shop: RunningShop, client: ShopClient
) -> None:
    order = shop.pick(lambda order_id: first_conduct(Operation.MAIL, order_id) == Down())
    mailing = caller(order, "mail")
    turned_away = 0
    while not of(order, shop.books().mails):
        try:
            await client.mail(mailing, order.email, order.order_id, "TRK-1")
        except Unavailable:
            turned_away += 1
    assert turned_away >= 2
    assert len(of(order, shop.books().mails)) == 1


async def test_orders_are_handed_out_page_by_page(shop: RunningShop, client: ShopClient) -> None:
    placed = [order.order_id async for order in client.orders(page_size=70)]
    assert placed == list(shop.books().orders)


async def test_the_amount_is_the_one_of_the_order(shop: RunningShop, client: ShopClient) -> None:
    order = shop.pick(lambda order_id: behaves(order_id, AMOUNT=1))
    assert await client.amount(caller(order, "amount"), order.order_id) == order.amount


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, {"address": "here"}, 400),
        ({"Execution-Id": "process_payment@order-0001"}, {"address": "here"}, 400),
        ({"Execution-Id": "p@nobody", "Idempotency-Key": "k"}, {"address": "here"}, 404),
        ({"Execution-Id": "p@order-0001", "Idempotency-Key": "k"}, {"addres": "here"}, 422),
        ({"Execution-Id": "p@order-0001", "Idempotency-Key": "k"}, None, 422),
    ],
)
async def test_a_malformed_call_is_refused_and_not_noted(
    shop: RunningShop, headers: dict[str, str], body: dict[str, str] | None, status: int
) -> None:
    before = len(shop.books().calls)
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False) as http:
        answer = await http.post("/shipping/tracking-codes", headers=headers, json=body)
    assert answer.status_code == status
    assert len(shop.books().calls) == before


def conduct_met(books: Books) -> dict[tuple[str, str, int], str]:
    """How each ask was met; a busy machine adds asks, as answers then come too late."""
    asks = Counter[tuple[str, str]]()
    met = {}
    for call in books.calls:
        asks[call.operation, call.order_id] += 1
        ask = asks[call.operation, call.order_id]
        met[call.operation, call.order_id, ask] = f"{call.conduct} {call.loss}"
    return met


async def test_a_seed_misbehaves_alike_in_every_run(tmp_path: Path) -> None:
    with ExitStack() as stack:
        shops = [
            stack.enter_context(running_shop(tmp_path / f"{run}.db", seed=seed, orders=10))
            for run, seed in enumerate((3, 3, 4))
        ]
        await asyncio.gather(*(a_day(running.url) for running in shops))
        first, again, other = (conduct_met(running.books()) for running in shops)
    common = first.keys() & again.keys()
    assert len(common) >= 50
    assert {ask: first[ask] for ask in common} == {ask: again[ask] for ask in common}
    assert first.items() - other.items()


def test_the_shop_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    with running_shop(tmp_path / "books.db", orders=1) as running:
        stdin = running.process.stdin
        assert stdin is not None
        stdin.close()
        assert running.process.wait(timeout=10) == 0
