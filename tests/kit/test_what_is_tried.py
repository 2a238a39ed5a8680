"""What a user may say to `check_workflow`: failures, fakes, requests, faults; what is refused."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import strategies as st
from pydantic import BaseModel

from perdure import activity, workflow
from perdure.testing import Ending, check_workflow
from tests.kit.shop import (
    GreedyShop,
    NoneLeft,
    Shop,
    books_balance,
    charge_card,
    purchase,
    take_from_stock,
)
from tests.kit.stories import ONE, schedule_in, story_of


def test_failures_are_raised_as_they_are_given_or_made_up() -> None:
    def never_in_hamburg(shop: Shop, endings: Sequence[Ending]) -> None:
        for ending in endings:
            assert "Hamburg" not in str(ending.error)

    check_workflow(purchase, requests=ONE, world=Shop, invariant=never_in_hamburg, examples=1)
    story = story_of(
        purchase,
        world=Shop,
        invariant=never_in_hamburg,
        failures=[NoneLeft(sku="Hamburg")],
    )
    assert "call 2: failure NoneLeft" in schedule_in(story)
    assert "failures=[NoneLeft(sku='Hamburg')]" in story


def test_faults_that_are_left_out_do_not_happen() -> None:
    check_workflow(
        purchase,
        requests=ONE,
        world=GreedyShop,
        invariant=lambda shop: shop.paid == shop.delivered,
        schedule="call 1: slow; append 1: clock forward",
    )
    story = story_of(purchase, world=GreedyShop, invariant=books_balance, without=["answer lost"])
    assert "answer lost" not in story


def test_what_is_no_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no such fault; there are answer lost, "):
        check_workflow(purchase, requests=ONE, world=Shop, without=["crash"])
    with pytest.raises(ValueError, match='one is written like "append 3: crash after"'):
        check_workflow(purchase, requests=ONE, world=Shop, schedule="crash")
    with pytest.raises(ValueError, match="no such moment; there are append, call"):
        check_workflow(purchase, requests=ONE, world=Shop, schedule="lunch 1: slow")
    with pytest.raises(ValueError, match="no such fault; at read there are: unavailable, slow"):
        check_workflow(purchase, requests=ONE, world=Shop, schedule="read 1: crash after")


def test_an_activity_without_a_fake_is_never_called() -> None:
    class Half:
        def take_from_stock(self, order_id: str) -> int:
            return 1

    with pytest.raises(Exception, match=r"write .*Half\.charge_card.*real=\[charge_card\]"):
        check_workflow(purchase, requests=ONE, world=Half)


def test_fakes_may_be_given_one_by_one() -> None:
    async def charged(euros: int) -> str:
        return "free"

    story = story_of(
        purchase,
        fakes={charge_card: charged, take_from_stock: lambda: 3, "refund_card": lambda: None},
        invariant=lambda world, endings: endings[0].result != "free from 3",
    )
    assert "<lambda> does not hold" in story


async def test_it_is_refused_where_a_loop_runs() -> None:
    with pytest.raises(RuntimeError, match="call it from a plain `def test_`"):
        check_workflow(purchase, requests=ONE, world=Shop)


def test_a_fake_that_needs_real_time_is_told() -> None:
    class Slow(Shop):
        async def charge_card(self, euros: int) -> str:
            return await asyncio.to_thread(str, euros)

    assert "real time does not pass there" in story_of(purchase, world=Slow)


@activity
async def price_of(key: str) -> int:
    return 1


class Priced(BaseModel):
    key: str
    euros: Decimal


def test_requests_that_their_own_type_refuses_are_passed_over() -> None:
    @workflow(key="key")
    async def priced(request: Priced) -> int:
        return await price_of(request.key)

    def finite(world: object, endings: Sequence[Ending]) -> bool:
        return all(each.request.euros.is_finite() for each in endings)

    check_workflow(priced, requests=st.builds(Priced), invariant=finite, examples=20)
    story = story_of(priced, requests=st.builds(Priced), invariant=lambda _: False)
    assert "requests=[Priced(key='0', euros=Decimal('0'))]" in story
