"""The misbehaviour of a day: enough of everything, and an end to it."""

from collections import Counter

import pytest

from perdure.infrastructure.demo.shop.conduct import (
    ASKS_THAT_MISBEHAVE,
    RATES,
    Fate,
    Operation,
    conduct_of,
    fate_of,
)
from perdure.infrastructure.demo.shop.orders import number_of, orders_of

SEEDS = range(1, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_four_orders_in_five_can_be_fulfilled(seed: int) -> None:
    fates = Counter(fate_of(seed, order.order_id) for order in orders_of(seed, 200))
    assert fates == {Fate.FULFILLED: 160, Fate.DECLINED: 20, Fate.OUT_OF_STOCK: 20}


@pytest.mark.parametrize("seed", SEEDS)
def test_even_ten_orders_meet_every_fate(seed: int) -> None:
    assert {fate_of(seed, order.order_id) for order in orders_of(seed, 10)} == set(Fate)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_misbehaviour_happens_many_times_a_day(seed: int) -> None:
    met = Counter(
        conduct_of(seed, operation, order.order_id, 1).word
        for order in orders_of(seed, 200)
        for operation in (
            Operation.AMOUNT,
            Operation.CHARGE,
            Operation.CREATE_TRACKING_CODE,
            Operation.SHIP,
            Operation.MAIL,
        )
    )
    for word in ("answer lost", "unavailable", "slow", "down", "quota exceeded"):
        assert met[word] >= 15, word


def test_every_operation_answers_properly_in_the_end() -> None:
    late = {
        conduct_of(1, operation, order.order_id, ASKS_THAT_MISBEHAVE + 3).word
        for order in orders_of(1, 200)
        for operation in RATES
    }
    assert late == {"proper"}


def test_a_longer_day_begins_with_the_same_orders() -> None:
    assert list(orders_of(5, 20)) == list(orders_of(5, 50))[:20]
    assert list(orders_of(5, 20)) != list(orders_of(6, 20))


def test_an_order_of_another_shop_has_no_number() -> None:
    with pytest.raises(ValueError, match="no order of this shop"):
        number_of("invoice-1")
