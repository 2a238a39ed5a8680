"""The four services: what each does when it behaves. How they misbehave is none of their business.

Orders, payments, shipping and e-mail share a process and a file, but no table and no transaction:
to the saga they are four systems that cannot be committed together.
"""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from perdure.infrastructure.demo.shop.books import Books
from perdure.infrastructure.demo.shop.conduct import Fate, fate_of
from perdure.infrastructure.demo.shop.desk import Answer, refusal
from perdure.infrastructure.demo.shop.ledger import (
    CHARGES,
    SHIPMENTS,
    TRACKING_CODES,
    Claim,
    Effect,
    Entry,
    KeyRefused,
)


class NoBody(BaseModel):
    """A request that says everything by its address and headers."""


class ChargeBody(BaseModel):
    """Take this amount from the card behind the token."""

    payment_method: str
    amount: Decimal


class RefundBody(BaseModel):
    """Give back what was charged with this key; the reference, if known, is checked against it."""

    charge_key: str
    amount: Decimal
    reference: str | None = None


class TrackingCodeBody(BaseModel):
    """A code for a parcel to this address."""

    address: str


class CancellationBody(BaseModel):
    """Take back the code that was created with this key."""

    tracking_code_key: str


class ShipmentBody(BaseModel):
    """Send the order's parcel under this code."""

    order_id: str
    tracking_id: str


class RecallBody(BaseModel):
    """Hold back the parcel that was sent with this key."""

    shipment_key: str


class MailBody(BaseModel):
    """A confirmation to a customer."""

    recipient: str
    order_id: str
    tracking_id: str


@dataclass(frozen=True, kw_only=True)
class OrderService:
    """Tells what was ordered, and what it costs."""

    books: Books
    page_limit: int = 100

    async def page(self, request: Request) -> Response:
        """`GET /orders?after=ID&limit=N`: the orders after that id; `next` is null at the end."""
        after = request.query_params.get("after", "")
        limit = min(int(request.query_params.get("limit", "50")), self.page_limit)
        rows = (
            self.books.reading()
            .execute(
                "SELECT order_id, sku, amount, address, email, payment_method FROM orders"
                " WHERE order_id > ? ORDER BY order_id LIMIT ?",
                (after, limit + 1),
            )
            .fetchall()
        )
        names = ("order_id", "sku", "amount", "address", "email", "payment_method")
        orders = [dict(zip(names, row, strict=True)) for row in rows[:limit]]
        more = len(rows) > limit
        return JSONResponse({"orders": orders, "next": orders[-1]["order_id"] if more else None})

    def amount(self, books: sqlite3.Connection, claim: Claim, _: NoBody) -> Answer:
        """`GET /orders/ID/amount`: the total of the order, as decimal text."""
        amount = books.execute(
            "SELECT amount FROM orders WHERE order_id = ?", (claim.order_id,)
        ).fetchone()[0]
        return Answer(status=200, effect=Effect.READ, content={"amount": amount})


@dataclass(frozen=True, kw_only=True)
class PaymentGateway:
    """Takes money and gives it back, each once a key."""

    seed: int

    def charge(self, books: sqlite3.Connection, claim: Claim, body: ChargeBody) -> Answer:
        """`POST /payments/charges`; 402 when the bank declines the card."""
        if fate_of(self.seed, claim.order_id) is Fate.DECLINED:
            return refusal(402, "card_declined", "insufficient funds")
        entry = CHARGES.perform(books, claim, str(body.amount))
        return _done(entry)

    def refund(self, books: sqlite3.Connection, claim: Claim, body: RefundBody) -> Answer:
        """`POST /payments/refunds`: the money back, or 'nothing charged' and that key barred."""
        charged = books.execute(
            "SELECT reference, amount FROM charges WHERE key = ?", (body.charge_key,)
        ).fetchone()
        if charged is not None and (body.reference or charged[0]) != charged[0]:
            raise KeyRefused("another_charge", f"this key charged {charged[0]}")
        if charged is not None and Decimal(charged[1]) != body.amount:
            raise KeyRefused("another_amount", f"this key charged {charged[1]}")
        entry = CHARGES.undo(books, claim, body.charge_key)
        return _undone(entry, done="refunded", nothing="nothing charged")


@dataclass(frozen=True, kw_only=True)
class ShippingService:
    """Hands out tracking codes and sends parcels."""

    seed: int

    def create_code(
        self, books: sqlite3.Connection, claim: Claim, body: TrackingCodeBody
    ) -> Answer:
        """`POST /shipping/tracking-codes`."""
        return _done(TRACKING_CODES.perform(books, claim, body.address))

    def cancel_code(
        self, books: sqlite3.Connection, claim: Claim, body: CancellationBody
    ) -> Answer:
        """`POST /shipping/cancellations`."""
        entry = TRACKING_CODES.undo(books, claim, body.tracking_code_key)
        return _undone(entry, done="cancelled", nothing="no code created")

    def ship(self, books: sqlite3.Connection, claim: Claim, body: ShipmentBody) -> Answer:
        """`POST /shipping/shipments`; 409 when the shelf turns out to be empty."""
        if fate_of(self.seed, claim.order_id) is Fate.OUT_OF_STOCK:
            sku = books.execute(
                "SELECT sku FROM orders WHERE order_id = ?", (claim.order_id,)
            ).fetchone()[0]
            return refusal(409, "out_of_stock", f"{sku} is out of stock", sku=sku)
        return _done(SHIPMENTS.perform(books, claim, body.tracking_id))

    def recall(self, books: sqlite3.Connection, claim: Claim, body: RecallBody) -> Answer:
        """`POST /shipping/recalls`: a parcel can be held back until the evening."""
        entry = SHIPMENTS.undo(books, claim, body.shipment_key)
        return _undone(entry, done="recalled", nothing="nothing shipped")


@dataclass(frozen=True, kw_only=True)
class MailService:
    """Sends confirmations: keyed like the others, but a mail cannot be unsent."""

    def send(self, books: sqlite3.Connection, claim: Claim, body: MailBody) -> Answer:
        """`POST /mails`: one mail a key."""
        reference = "msg_" + blake2b(claim.key.encode(), digest_size=6).hexdigest()
        sent = books.execute(
            "INSERT OR IGNORE INTO mails VALUES (?, ?, ?, ?, ?, ?)",
            (claim.key, reference, claim.order_id, claim.execution_id, body.recipient, claim.at),
        ).rowcount
        effect = Effect.PERFORMED if sent else Effect.REPLAYED
        return _done(Entry(reference=reference, effect=effect))


def _done(entry: Entry) -> Answer:
    status = 201 if entry.effect is Effect.PERFORMED else 200
    return Answer(status=status, effect=entry.effect, content={"reference": entry.reference})


def _undone(entry: Entry, *, done: str, nothing: str) -> Answer:
    outcome = nothing if entry.reference is None else done
    content = {"outcome": outcome, "reference": entry.reference}
    return Answer(status=200, effect=entry.effect, content=content)
