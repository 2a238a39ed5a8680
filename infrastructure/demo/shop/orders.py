"""The day's orders: what customers bought, as a pure function of the seed.

The order service hands them out page by page; the worker starts one saga for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

_PRICES = {
    "espresso-machine": Decimal("249.00"),
    "coffee-grinder": Decimal("89.90"),
    "pour-over-kettle": Decimal("59.50"),
    "filter-paper": Decimal("4.95"),
    "cup-and-saucer": Decimal("12.40"),
    "beans-ethiopia": Decimal("14.80"),
    "beans-colombia": Decimal("13.20"),
}
_STREETS = ("Harbour Street", "Mill Lane", "Station Road", "Orchard Way", "Castle Hill")
_PEOPLE = ("ada", "grace", "edsger", "barbara", "donald", "leslie", "hector", "kenneth")


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order; `payment_method` is the gateway's token, never a card number."""

    order_id: str
    sku: str
    amount: Decimal
    address: str
    email: str
    payment_method: str


def orders_of(seed: int, count: int) -> Iterator[Order]:
    """The first `count` orders of the day; a longer day begins with the same ones."""
    skus = tuple(_PRICES)
    for number in range(1, count + 1):
        digest = blake2b(f"{seed}/order/{number}".encode(), digest_size=8).digest()
        sku = skus[digest[0] % len(skus)]
        yield Order(
            order_id=f"order-{number:04d}",
            sku=sku,
            amount=_PRICES[sku] * (1 + digest[1] % 3),
            address=f"{1 + digest[2] % 99} {_STREETS[digest[3] % len(_STREETS)]}",
            email=f"{_PEOPLE[digest[4] % len(_PEOPLE)]}.{number}@example.com",
            payment_method=f"card-token-{digest[4:].hex()}",
        )


def number_of(order_id: str) -> int:
    """The place of an order in the day, from 1; ValueError for an id of another shop."""
    prefix, _, number = order_id.partition("-")
    if prefix != "order" or not number.isdecimal():
        raise ValueError(f"{order_id!r} is no order of this shop")
    return int(number)
