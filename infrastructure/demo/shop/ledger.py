"""A ledger: the keyed effects of one service and their undoing, in two tables of the books.

An effect with a key is done once; the same key again is answered from the row. An undo names the
key of the effect, not its number, so it can be asked for without knowing whether the effect ever
happened: if it did not, the undo is noted all the same and bars the key, so that a charge still on
its way arrives too late.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


class Effect(StrEnum):
    """What a call did to the books."""

    PERFORMED = "performed"
    REPLAYED = "replayed"
    NOTHING_TO_UNDO = "nothing to undo"
    REFUSED = "refused"
    READ = "read"
    NONE = "none"


class KeyRefused(Exception):
    """A key that cannot be used: barred by an undo, or used before with another subject."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The answer of a ledger; `reference` is None when there was nothing to undo."""

    reference: str | None
    effect: Effect


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who asks: the idempotency key, the order, the execution, and the time of asking."""

    key: str
    order_id: str
    execution_id: str
    at: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Names of the tables and of the columns that differ; all ledgers have the same shape."""

    effects: str
    subject: str
    undos: str
    undone_key: str
    prefix: str

    @property
    def schema(self) -> str:
        """The two tables; a key is unique, and an effect is undone at most once."""
        return f"""
        CREATE TABLE IF NOT EXISTS {self.effects} (
            key TEXT PRIMARY KEY, reference TEXT NOT NULL, order_id TEXT NOT NULL,
            execution_id TEXT NOT NULL, {self.subject} TEXT NOT NULL, at TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS {self.undos} (
            key TEXT PRIMARY KEY, {self.undone_key} TEXT NOT NULL UNIQUE, reference TEXT,
            order_id TEXT NOT NULL, execution_id TEXT NOT NULL, at TEXT NOT NULL);
        """

    def perform(self, books: sqlite3.Connection, claim: Claim, subject: str) -> Entry:
        """Books the effect, or finds it booked; KeyRefused if the key is barred or reused."""
        row = books.execute(
            f"SELECT reference, {self.subject} FROM {self.effects} WHERE key = ?", (claim.key,)
        ).fetchone()
        if row is not None and row[1] != subject:
            raise KeyRefused("key_reused", f"this key was used with {self.subject} {row[1]}")
        if row is not None:
            return Entry(reference=row[0], effect=Effect.REPLAYED)
        barred = books.execute(
            f"SELECT 1 FROM {self.undos} WHERE {self.undone_key} = ?", (claim.key,)
        ).fetchone()
        if barred is not None:
            raise KeyRefused("key_barred", "this key was undone before it was used")
        reference = self.prefix + blake2b(claim.key.encode(), digest_size=6).hexdigest()
        books.execute(
            f"INSERT INTO {self.effects} VALUES (?, ?, ?, ?, ?, ?)",
            (claim.key, reference, claim.order_id, claim.execution_id, subject, claim.at),
        )
        return Entry(reference=reference, effect=Effect.PERFORMED)

    def undo(self, books: sqlite3.Connection, claim: Claim, undone_key: str) -> Entry:
        """Undoes the effect of `undone_key` once, however often it is asked, or bars that key."""
        row = books.execute(
            f"SELECT reference FROM {self.undos} WHERE {self.undone_key} = ?", (undone_key,)
        ).fetchone()
        if row is not None:
            return Entry(reference=row[0], effect=Effect.REPLAYED)
        used = books.execute(
            f"SELECT {self.undone_key} FROM {self.undos} WHERE key = ?", (claim.key,)
        ).fetchone()
        if used is not None:
            raise KeyRefused("key_reused", f"this key was used to undo {used[0]}")
        done = books.execute(
            f"SELECT reference FROM {self.effects} WHERE key = ?", (undone_key,)
        ).fetchone()
        reference = None if done is None else done[0]
        books.execute(
            f"INSERT INTO {self.undos} VALUES (?, ?, ?, ?, ?, ?)",
            (claim.key, undone_key, reference, claim.order_id, claim.execution_id, claim.at),
        )
        effect = Effect.NOTHING_TO_UNDO if reference is None else Effect.PERFORMED
        return Entry(reference=reference, effect=effect)


CHARGES = Ledger(
    effects="charges", subject="amount", undos="refunds", undone_key="charge_key", prefix="ch_"
)
TRACKING_CODES = Ledger(
    effects="tracking_codes",
    subject="address",
    undos="cancellations",
    undone_key="tracking_code_key",
    prefix="TRK-",
)
SHIPMENTS = Ledger(
    effects="shipments",
    subject="tracking_id",
    undos="recalls",
    undone_key="shipment_key",
    prefix="shp_",
)
LEDGERS = (CHARGES, TRACKING_CODES, SHIPMENTS)
