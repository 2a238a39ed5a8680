"""The saga of these tests, and fake worlds for it: one as it should be, others with a bug each."""

from collections import Counter
from typing import Any

from pydantic import BaseModel

from perdure import Failure, activity, current_activity, workflow


class Purchase(BaseModel):
    order_id: str
    euros: int


class NoneLeft(Failure):
    sku: str


@activity
async def charge_card(order_id: str, euros: int) -> str:
    raise AssertionError("a real card")


@charge_card.compensate
async def refund_card(result: str | None, euros: int) -> None:
    raise AssertionError("a real card")


@activity(raises=[NoneLeft], timeout=10)
def take_from_stock(order_id: str) -> int:
    raise AssertionError("a real stock")


@take_from_stock.compensate
def put_back(result: int | None) -> None:
    raise AssertionError("a real stock")


@workflow(key="order_id", raises=[NoneLeft])
async def purchase(request: Purchase) -> str:
    reference = await charge_card(request.order_id, request.euros)
    place = await take_from_stock(request.order_id)
    return f"{reference} from {place}"


class Shop:
    """Does each thing once for a key, and undoes it by that key."""

    def __init__(self) -> None:
        self.charged: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        self.undone: Counter[str] = Counter()

    async def charge_card(self, euros: int) -> str:
        key = current_activity().idempotency_key
        self.charged.setdefault(key, euros)
        return f"charge of {euros}"

    async def refund_card(self, result: str | None) -> None:
        self._undo()

    def take_from_stock(self, order_id: str) -> int:
        self.taken.setdefault(current_activity().idempotency_key, 1)
        return 7

    def put_back(self, result: int | None) -> None:
        self._undo()

    def _undo(self) -> None:
        context: Any = current_activity()
        self.undone[context.undoes.idempotency_key] += 1

    @property
    def paid(self) -> int:
        return sum(key not in self.undone for key in self.charged)

    @property
    def delivered(self) -> int:
        return sum(key not in self.undone for key in self.taken)


def books_balance(shop: Shop) -> None:
    assert shop.paid == shop.delivered, f"{shop.paid} paid, {shop.delivered} delivered"


class ForgetfulShop(Shop):
    """Refunds only what it knows to be charged."""

    async def refund_card(self, result: str | None) -> None:
        if result is not None:
            await super().refund_card(result)


class GreedyShop(Shop):
    """Charges whenever it is told to."""

    async def charge_card(self, euros: int) -> str:
        self.charged[f"charge {len(self.charged)}"] = euros
        return "charged"
