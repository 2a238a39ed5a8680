"""The demo's saga: the payment process of the talk, as a user of Perdure would write it.

Take the money, get a tracking code, send the parcel, tell the customer; or, if the shelf is empty,
undo it all. The shop it talks to is set once, when the worker starts: `async with
shop.opened(url)`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from pydantic import BaseModel

from perdure import Failure, Retry, activity, current_activity, workflow
from perdure.infrastructure.demo.client import Caller, PlacedOrder, Refused, ShopClient

SHORT = Retry.exponential(first=0.05, maximum=1.0)
"""A demo has no time for the default of 1 s to 60 s."""

PATIENCE_SECONDS = 2.0
"""An attempt without an answer by then counts as unknown, and is made again with the same key."""


class ShopConnection:
    """The worker's line to the shop, closed until the worker opens it."""

    def __init__(self) -> None:
        self._client: ShopClient | None = None

    @asynccontextmanager
    async def opened(self, url: str) -> AsyncIterator[ShopClient]:
        """Holds the line open; the engine's life lies within."""
        async with ShopClient(url) as client:
            self._client = client
            try:
                yield client
            finally:
                self._client = None

    @property
    def client(self) -> ShopClient:
        """The open line; RuntimeError when no worker opened it."""
        if self._client is None:
            raise RuntimeError("the shop is not connected: use `async with shop.opened(url)`")
        return self._client


shop = ShopConnection()


class CardDeclined(Failure):
    """The bank said no, before any money moved."""

    reason: str


class OutOfStock(Failure):
    """The shelf turned out to be empty, after the money was taken."""

    sku: str


class Charge(BaseModel):
    """What the gateway took; it is found again by the activity's key even without this."""

    reference: str


class ProcessPayment(BaseModel):
    """The request of one execution, with the gateway's token in place of a card number."""

    order_id: str
    payment_method: str
    address: str
    email: str


def request_for(order: PlacedOrder) -> ProcessPayment:
    """What starts the saga of an order."""
    return ProcessPayment(
        order_id=order.order_id,
        payment_method=order.payment_method,
        address=order.address,
        email=order.email,
    )


@activity(retry=SHORT, timeout=PATIENCE_SECONDS)
async def get_total_amount(order_id: str) -> Decimal:
    """Asks the order service; nothing to undo."""
    return await shop.client.amount(_caller(), order_id)


@activity(retry=SHORT, timeout=PATIENCE_SECONDS, raises=[CardDeclined])
async def charge_credit_card(payment_method: str, amount: Decimal) -> Charge:
    """Takes the money. A lost answer is asked for again with the same key: one charge."""
    try:
        reference = await shop.client.charge(_caller(), payment_method, amount)
    except Refused as refused:
        if refused.code != "card_declined":
            raise
        raise CardDeclined(reason=refused.detail) from refused
    return Charge(reference=reference)


@charge_credit_card.compensate(retry=SHORT, timeout=PATIENCE_SECONDS)
async def refund_credit_card(result: Charge | None, amount: Decimal) -> None:
    """Gives the money back by the charge's key, whether or not an answer to it ever came."""
    reference = None if result is None else result.reference
    await shop.client.refund(_caller(), _undone_key(), amount, reference)


@activity(retry=SHORT, timeout=PATIENCE_SECONDS)
async def create_shipping_tracking_code(address: str) -> str:
    """Gets a code for the parcel; a used-up quota is waited for as long as the shop asks."""
    return await shop.client.create_tracking_code(_caller(), address)


@create_shipping_tracking_code.compensate(retry=SHORT, timeout=PATIENCE_SECONDS)
async def cancel_tracking_code() -> None:
    """Takes the code back by its key, known or not."""
    await shop.client.cancel_tracking_code(_caller(), _undone_key())


@activity(retry=SHORT, timeout=PATIENCE_SECONDS, raises=[OutOfStock])
async def send_order_to_shipping(order_id: str, tracking_id: str) -> None:
    """Sends the parcel, or finds the shelf empty."""
    try:
        await shop.client.ship(_caller(), order_id, tracking_id)
    except Refused as refused:
        if refused.code != "out_of_stock":
            raise
        raise OutOfStock(sku=str(refused.answer["sku"])) from refused


@send_order_to_shipping.compensate(retry=SHORT, timeout=PATIENCE_SECONDS)
async def recall_order_from_shipping(order_id: str) -> None:
    """Holds the parcel back.

    The mail after it never fails, but without this an execution that is cancelled while the mail
    service is down would refund an order and ship it all the same.
    """
    await shop.client.recall(_caller(), _undone_key())


@activity(retry=SHORT, timeout=PATIENCE_SECONDS)
async def send_confirmation_email(email: str, order_id: str, tracking_id: str) -> None:
    """Tells the customer, last: a mail cannot be unsent."""
    await shop.client.mail(_caller(), email, order_id, tracking_id)


@workflow(key="order_id", raises=[CardDeclined, OutOfStock])
async def process_payment(request: ProcessPayment) -> str:
    """One order, fulfilled or completely undone; its tracking id."""
    amount = await get_total_amount(request.order_id)
    await charge_credit_card(request.payment_method, amount)
    tracking_id = await create_shipping_tracking_code(request.address)
    await send_order_to_shipping(request.order_id, tracking_id)
    await send_confirmation_email(request.email, request.order_id, tracking_id)
    return tracking_id


def _caller() -> Caller:
    """The running attempt, as the shop is told of it."""
    attempt = current_activity()
    return Caller(idempotency_key=attempt.idempotency_key, execution_id=attempt.execution_id)


def _undone_key() -> str:
    """In a compensation: the key of the activity that it undoes."""
    undoes = current_activity().undoes
    if undoes is None:
        raise RuntimeError("only a compensation undoes something")
    return undoes.idempotency_key
