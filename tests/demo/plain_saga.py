"""The demo's saga without an engine: retried in a loop, undone in an except, lost with its process.

It gives the audit what a journal would say, for tests of the shop and of the audit alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from perdure.infrastructure.demo.client import (
    Caller,
    NoAnswer,
    PlacedOrder,
    QuotaExceeded,
    Refused,
    ShopClient,
    Unavailable,
)
from perdure.infrastructure.demo.facts import ActivityFacts, End, ExecutionFacts, Outcome

T = TypeVar("T")


@dataclass
class PlainSaga:
    """One order; `activities` is what its journal would hold."""

    shop: ShopClient
    order: PlacedOrder
    activities: dict[str, ActivityFacts] = field(default_factory=dict)

    async def run(self) -> ExecutionFacts:
        order, shop = self.order, self.shop
        end = End.SUCCEEDED
        try:
            amount = await self.perform(
                "get_total_amount", lambda caller: shop.amount(caller, order.order_id)
            )
            await self.perform(
                "charge_credit_card",
                lambda caller: shop.charge(caller, order.payment_method, amount),
            )
            tracking_id = await self.perform(
                "create_shipping_tracking_code",
                lambda caller: shop.create_tracking_code(caller, order.address),
            )
            await self.perform(
                "send_order_to_shipping",
                lambda caller: shop.ship(caller, order.order_id, tracking_id),
            )
            await self.perform(
                "send_confirmation_email",
                lambda caller: shop.mail(caller, order.email, order.order_id, tracking_id),
            )
        except Refused:
            end = await self.undo()
        return ExecutionFacts(
            execution_id=self.execution_id,
            order_id=order.order_id,
            state=end,
            activities=tuple(self.activities.values()),
        )

    async def undo(self) -> End:
        order, shop = self.order, self.shop
        if "create_shipping_tracking_code" not in self.activities:
            return End.FAILED
        await self.compensate("create_shipping_tracking_code", shop.cancel_tracking_code)
        await self.compensate(
            "charge_credit_card", lambda c, key: shop.refund(c, key, order.amount, None)
        )
        return End.COMPENSATED

    async def perform(self, activity: str, call: Callable[[Caller], Awaitable[T]]) -> T:
        caller = self.caller(activity)
        outcome = Outcome.FAILED
        try:
            result = await until_answered(lambda: call(caller))
            outcome = Outcome.SUCCEEDED
        finally:
            self.activities[activity] = ActivityFacts(
                activity=activity,
                idempotency_keys=frozenset({caller.idempotency_key}),
                attempts=1,
                outcome=outcome,
            )
        return result

    async def compensate(
        self, activity: str, call: Callable[[Caller, str], Awaitable[str]]
    ) -> None:
        undone_key = self.caller(activity).idempotency_key
        await until_answered(lambda: call(self.caller(f"undo {activity}"), undone_key))
        self.activities[activity] = replace(self.activities[activity], compensated=True)

    @property
    def execution_id(self) -> str:
        return f"process_payment@{self.order.order_id}"

    def caller(self, step: str) -> Caller:
        return Caller(
            idempotency_key=f"{step} of {self.order.order_id}", execution_id=self.execution_id
        )


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Asks again at once, with the same key: the shop counts asks, it does not look at a clock."""
    while True:
        try:
            return await call()
        except (NoAnswer, Unavailable, QuotaExceeded):
            continue


async def a_day(url: str) -> list[ExecutionFacts]:
    """Every order of the shop, all at once."""
    async with ShopClient(url, patience_seconds=1.0) as shop:
        sagas = [PlainSaga(shop, order).run() async for order in shop.orders(page_size=25)]
        return await asyncio.gather(*sagas)
