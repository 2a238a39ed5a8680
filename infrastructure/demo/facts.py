"""The two sides of the audit as plain facts: the shop's books, and what the journal says.

The books are read here from their SQLite file, also while the shop runs. The journal's side is
filled by whoever has an engine or a journal open; nothing here knows how a journal looks.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

Fact = TypeVar("Fact")


class End(StrEnum):
    """The states in which an execution is over; any other state is open."""

    SUCCEEDED = "succeeded"
    COMPENSATED = "compensated"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What the journal knows of an activity when its execution is over."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ActivityFacts:
    """One activity in one execution's stream.

    `idempotency_keys` is the one that all its attempts have to be issued with: events hold none,
    it follows from their id and ordinal. The books hold what was really asked with. Unknown is an
    activity that was started and whose stream holds neither a result nor a declared failure.
    `compensated`: the stream says that its compensation was done.
    """

    activity: str
    idempotency_keys: frozenset[str]
    attempts: int
    outcome: Outcome
    compensated: bool = False


@dataclass(frozen=True, kw_only=True)
class ExecutionFacts:
    """One execution: `state` is a member of End, or the name of an open state."""

    execution_id: str
    order_id: str
    state: str
    activities: tuple[ActivityFacts, ...] = ()

    @property
    def end(self) -> End | None:
        """How it ended; None while it is open."""
        return End(self.state) if self.state in set(End) else None

    def named(self, activity: str) -> tuple[ActivityFacts, ...]:
        """The activities of that name, in the order of the stream."""
        return tuple(each for each in self.activities if each.activity == activity)


@dataclass(frozen=True, kw_only=True)
class CallFact:
    """One call that reached the shop, how it was met, and what it did to the books."""

    operation: str
    order_id: str
    execution_id: str
    key: str
    conduct: str
    loss: str | None
    effect: str
    status: int
    at: str


@dataclass(frozen=True, kw_only=True)
class EffectFact:
    """Something done once a key: a charge, a tracking code, a shipment or a mail."""

    key: str
    reference: str
    order_id: str
    at: str


@dataclass(frozen=True, kw_only=True)
class UndoFact:
    """The undo of the effect of `undone_key`; without a reference there was nothing to undo."""

    key: str
    undone_key: str
    reference: str | None
    order_id: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Books:
    """Everything that the audit looks at in the shop's books, in the order of noting."""

    orders: tuple[str, ...]
    calls: tuple[CallFact, ...]
    charges: tuple[EffectFact, ...]
    refunds: tuple[UndoFact, ...]
    tracking_codes: tuple[EffectFact, ...]
    cancellations: tuple[UndoFact, ...]
    shipments: tuple[EffectFact, ...]
    recalls: tuple[UndoFact, ...]
    mails: tuple[EffectFact, ...]


def read_books(path: Path) -> Books:
    """The books as they are now, read in one transaction; the file is not changed."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as books:
        books.row_factory = sqlite3.Row
        books.execute("BEGIN")

        def rows(of: Callable[..., Fact], select: str) -> tuple[Fact, ...]:
            return tuple(
                of(**dict(row)) for row in books.execute(f"SELECT {select} ORDER BY rowid")
            )

        def effects(table: str) -> tuple[EffectFact, ...]:
            return rows(EffectFact, f"key, reference, order_id, at FROM {table}")

        def undos(table: str, undone_key: str) -> tuple[UndoFact, ...]:
            columns = f"key, {undone_key} AS undone_key, reference, order_id, at"
            return rows(UndoFact, f"{columns} FROM {table}")

        orders = books.execute("SELECT order_id FROM orders ORDER BY order_id")
        calls = "operation, order_id, execution_id, key, conduct, loss, effect, status, at"
        return Books(
            orders=tuple(row["order_id"] for row in orders),
            calls=rows(CallFact, f"{calls} FROM calls"),
            charges=effects("charges"),
            refunds=undos("refunds", "charge_key"),
            tracking_codes=effects("tracking_codes"),
            cancellations=undos("cancellations", "tracking_code_key"),
            shipments=effects("shipments"),
            recalls=undos("recalls", "shipment_key"),
            mails=effects("mails"),
        )
