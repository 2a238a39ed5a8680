"""One order before the audit: what the books and the journal hold about it, side by side.

Charges, tracking codes and parcels are alike to the audit, things done by one activity and undone
by its compensation, so one `Dealing` describes each of them. `audit` judges.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from perdure.infrastructure.demo.facts import (
    ActivityFacts,
    Books,
    CallFact,
    EffectFact,
    ExecutionFacts,
    UndoFact,
)


class OfOrder(Protocol):
    """A row that belongs to an order."""

    @property
    def order_id(self) -> str:
        """The order that it belongs to."""
        ...


Row = TypeVar("Row", bound=OfOrder)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Names of one kind of dealing: in the saga, at the shop, and in a sentence."""

    activity: str
    operation: str
    done: str
    undone: str


CHARGE = Kind(activity="charge_credit_card", operation="charge", done="charge", undone="refund")
TRACKING_CODE = Kind(
    activity="create_shipping_tracking_code",
    operation="create tracking code",
    done="tracking code",
    undone="cancellation",
)
PARCEL = Kind(activity="send_order_to_shipping", operation="ship", done="parcel", undone="recall")


@dataclass(frozen=True, kw_only=True)
class Dealing:
    """What was done and undone of one kind for one order, by the books and by the journal."""

    kind: Kind
    effects: tuple[EffectFact, ...]
    undos: tuple[UndoFact, ...]
    calls: tuple[CallFact, ...]
    activities: tuple[ActivityFacts, ...]

    @property
    def standing(self) -> tuple[EffectFact, ...]:
        """The effects that nothing has undone."""
        undone = {undo.undone_key for undo in self.undos if undo.reference is not None}
        return tuple(effect for effect in self.effects if effect.key not in undone)

    @property
    def keys(self) -> frozenset[str]:
        """Every key that the shop has noted, and the one that the journal calls for."""
        asked = {call.key for call in self.calls} | {effect.key for effect in self.effects}
        return frozenset(asked.union(*(each.idempotency_keys for each in self.activities)))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything about one order."""

    order_id: str
    executions: tuple[ExecutionFacts, ...]
    charge: Dealing
    tracking_code: Dealing
    parcel: Dealing
    mails: tuple[EffectFact, ...]

    @property
    def dealings(self) -> tuple[Dealing, ...]:
        """The three kinds that have an undo."""
        return (self.charge, self.tracking_code, self.parcel)


def cases_of(books: Books, executions: Sequence[ExecutionFacts]) -> list[Case]:
    """A case for each order that either side knows of, in the order of the ids."""
    calls = _by_order(books.calls)
    charges, refunds = _by_order(books.charges), _by_order(books.refunds)
    codes, cancellations = _by_order(books.tracking_codes), _by_order(books.cancellations)
    parcels, recalls = _by_order(books.shipments), _by_order(books.recalls)
    mails, taken = _by_order(books.mails), _by_order(executions)

    def case_of(order_id: str) -> Case:
        def dealing(
            kind: Kind, effects: tuple[EffectFact, ...], undos: tuple[UndoFact, ...]
        ) -> Dealing:
            return Dealing(
                kind=kind,
                effects=effects,
                undos=undos,
                calls=tuple(c for c in calls[order_id] if c.operation == kind.operation),
                activities=tuple(
                    activity for each in taken[order_id] for activity in each.named(kind.activity)
                ),
            )

        return Case(
            order_id=order_id,
            executions=taken[order_id],
            charge=dealing(CHARGE, charges[order_id], refunds[order_id]),
            tracking_code=dealing(TRACKING_CODE, codes[order_id], cancellations[order_id]),
            parcel=dealing(PARCEL, parcels[order_id], recalls[order_id]),
            mails=mails[order_id],
        )

    known = {*books.orders, *charges, *codes, *parcels, *mails, *taken}
    return [case_of(order_id) for order_id in sorted(known)]


def _by_order(rows: Iterable[Row]) -> defaultdict[str, tuple[Row, ...]]:
    grouped: defaultdict[str, tuple[Row, ...]] = defaultdict(tuple)
    for row in rows:
        grouped[row.order_id] += (row,)
    return grouped
