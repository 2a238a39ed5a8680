"""How the shop misbehaves: a pure function of seed, operation, order and count of asks.

No clock and no state, so that two runs with one seed misbehave alike, however their calls
interleave and however often a worker was killed in between. `desk` acts out what is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import ClassVar

from perdure.infrastructure.demo.shop.orders import number_of

ASKS_THAT_MISBEHAVE = 3
"""From the fourth ask on, an operation answers properly: a demo has to end."""

OUTAGE_ORDERS = 40
"""The mails of the day's first orders meet the outage of the e-mail service."""

SILENCE_SECONDS = 3.0
"""Longer than the saga's patience: its attempt times out and learns nothing."""


class Operation(StrEnum):
    """What can be asked of the shop on behalf of one order."""

    AMOUNT = "get amount"
    CHARGE = "charge"
    REFUND = "refund"
    CREATE_TRACKING_CODE = "create tracking code"
    CANCEL_TRACKING_CODE = "cancel tracking code"
    SHIP = "ship"
    RECALL = "recall"
    MAIL = "send mail"


class Fate(StrEnum):
    """What the world has in store for an order, whatever way it is asked."""

    FULFILLED = "fulfilled"
    DECLINED = "declined"
    OUT_OF_STOCK = "out of stock"


class Loss(StrEnum):
    """How an answer gets lost after the work was done."""

    DROPPED = "dropped"
    GATEWAY_TIMEOUT = "gateway timeout"
    SILENCE = "silence"


@dataclass(frozen=True, kw_only=True)
class Proper:
    """Done and answered at once."""

    word: ClassVar[str] = "proper"


@dataclass(frozen=True, kw_only=True)
class Slow:
    """Done at once, answered late."""

    word: ClassVar[str] = "slow"
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Unavailable:
    """Not done: 503."""

    word: ClassVar[str] = "unavailable"


@dataclass(frozen=True, kw_only=True)
class Down:
    """Not done: 503 from a service that is down for a while, so asking again soon does not help."""

    word: ClassVar[str] = "down"


@dataclass(frozen=True, kw_only=True)
class QuotaExceeded:
    """Not done: 429, and when to come back."""

    word: ClassVar[str] = "quota exceeded"
    retry_after_seconds: int


@dataclass(frozen=True, kw_only=True)
class AnswerLost:
    """Done, committed to the books, and nobody is told."""

    word: ClassVar[str] = "answer lost"
    loss: Loss


Conduct = Proper | Slow | Unavailable | Down | QuotaExceeded | AnswerLost


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The share of asks, from 0 to 1, that meet each misbehaviour."""

    lost: float = 0.0
    unavailable: float = 0.0
    quota: float = 0.0
    slow: float = 0.0


RATES: Mapping[Operation, Rates] = {
    Operation.AMOUNT: Rates(unavailable=0.08, slow=0.12),
    Operation.CHARGE: Rates(lost=0.16, unavailable=0.08, slow=0.12),
    Operation.REFUND: Rates(lost=0.20, unavailable=0.15, slow=0.15),
    Operation.CREATE_TRACKING_CODE: Rates(lost=0.05, unavailable=0.05, quota=0.15, slow=0.10),
    Operation.CANCEL_TRACKING_CODE: Rates(lost=0.15, unavailable=0.15, slow=0.15),
    Operation.SHIP: Rates(lost=0.06, unavailable=0.08, slow=0.12),
    Operation.RECALL: Rates(lost=0.15, unavailable=0.15, slow=0.15),
    Operation.MAIL: Rates(lost=0.04, unavailable=0.05, slow=0.10),
}


def conduct_of(seed: int, operation: Operation, order_id: str, ask: int) -> Conduct:
    """What the `ask`-th call (from 1) of this operation for this order meets."""
    if operation is Operation.MAIL and ask <= _calls_in_outage(seed, order_id):
        return Down()
    if ask > ASKS_THAT_MISBEHAVE:
        return Proper()
    rates = RATES[operation]
    drawn = _draw(seed, operation, order_id, ask, "conduct")
    detail = _draw(seed, operation, order_id, ask, "detail")
    if drawn < (edge := rates.lost):
        losses = tuple(Loss)
        return AnswerLost(loss=losses[int(detail * len(losses))])
    if drawn < (edge := edge + rates.unavailable):
        return Unavailable()
    if drawn < (edge := edge + rates.quota):
        return QuotaExceeded(retry_after_seconds=1)
    if drawn < edge + rates.slow:
        return Slow(seconds=round(0.05 + 0.35 * detail, 3))
    return Proper()


def fate_of(seed: int, order_id: str) -> Fate:
    """One order in ten is declined and one in ten is out of stock.

    Drawn within each ten consecutive orders, not order by order: then even a demo with ten orders
    has one of each, and no seed gives a day on which nothing goes wrong.
    """
    number = number_of(order_id)
    first = number - (number - 1) % 10
    drawn = sorted(range(first, first + 10), key=lambda each: _draw(seed, "fate", each))
    match drawn.index(number):
        case 0:
            return Fate.DECLINED
        case 1:
            return Fate.OUT_OF_STOCK
        case _:
            return Fate.FULFILLED


def _calls_in_outage(seed: int, order_id: str) -> int:
    if number_of(order_id) > OUTAGE_ORDERS:
        return 0
    return 2 + int(_draw(seed, "outage", order_id) * 4)


def _draw(seed: int, *about: object) -> float:
    """A number from 0 to below 1: a hash, as Python's `random` may change between versions."""
    text = "/".join([str(seed), *map(str, about)])
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48
