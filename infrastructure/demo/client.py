"""The worker's way to the shop: a method for each thing to ask, over one HTTP client.

It never retries: that is the engine's work, which journals every attempt. What it adds is the
difference that a saga lives on: `Refused` is a definite no, `NoAnswer` leaves open whether the work
was done.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import httpx


class ShopError(Exception):
    """The shop did not do, or did not confirm, what it was asked."""


class NoAnswer(ShopError):
    """No answer came, so the work may or may not have been done: ask again with the same key."""


class Unavailable(ShopError):
    """Turned away with 503; nothing was done."""


class QuotaExceeded(ShopError):
    """Turned away with 429; the engine waits `retry_after` seconds before the next attempt."""

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Refused(ShopError):
    """A definite no, as data: `code` says which (card_declined, out_of_stock, key_barred, ...)."""

    def __init__(self, code: str, detail: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class Caller:
    """In whose name the shop is asked; the order is read from the execution id, `Name@order`."""

    idempotency_key: str
    execution_id: str

    @property
    def headers(self) -> dict[str, str]:
        """What the shop notes of the caller."""
        return {"Idempotency-Key": self.idempotency_key, "Execution-Id": self.execution_id}


@dataclass(frozen=True, kw_only=True)
class PlacedOrder:
    """An order as the order service hands it out."""

    order_id: str
    sku: str
    amount: Decimal
    address: str
    email: str
    payment_method: str


class ShopClient:
    """An open line to the shop: `async with ShopClient(url) as shop`.

    `patience_seconds` is how long an answer is waited for; keep it above the timeouts of the
    activities, which are journaled, unless no engine is there.
    """

    def __init__(self, url: str, *, patience_seconds: float = 10.0) -> None:
        import httpx  # noqa: PLC0415 (an extra: commands that show no demo do without)

        limits = httpx.Limits(max_connections=256, max_keepalive_connections=64)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=patience_seconds, limits=limits, trust_env=False
        )
        self._lost = httpx.TransportError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def orders(self, *, page_size: int = 50) -> AsyncIterator[PlacedOrder]:
        """All orders of the day, read page by page as they are consumed."""
        after: str | None = ""
        while after is not None:
            response = await self._http.get("/orders", params={"after": after, "limit": page_size})
            page = response.raise_for_status().json()
            for row in page["orders"]:
                yield PlacedOrder(**{**row, "amount": Decimal(row["amount"])})
            after = page["next"]

    async def amount(self, caller: Caller, order_id: str) -> Decimal:
        """What the order costs."""
        answer = await self._ask("GET", f"/orders/{order_id}/amount", caller, None)
        return Decimal(answer["amount"])

    async def charge(self, caller: Caller, payment_method: str, amount: Decimal) -> str:
        """Takes the money once a key; the reference of the charge. Refused: card_declined."""
        body = {"payment_method": payment_method, "amount": str(amount)}
        return await self._reference("/payments/charges", caller, body)

    async def refund(
        self, caller: Caller, charge_key: str, amount: Decimal, reference: str | None
    ) -> str:
        """Gives back what that key took: 'refunded', or 'nothing charged' and the key barred."""
        body = {"charge_key": charge_key, "amount": str(amount), "reference": reference}
        return await self._outcome("/payments/refunds", caller, body)

    async def create_tracking_code(self, caller: Caller, address: str) -> str:
        """A code for a parcel; QuotaExceeded when there are too many at once."""
        return await self._reference("/shipping/tracking-codes", caller, {"address": address})

    async def cancel_tracking_code(self, caller: Caller, tracking_code_key: str) -> str:
        """Takes back the code created with that key: 'cancelled' or 'no code created'."""
        body = {"tracking_code_key": tracking_code_key}
        return await self._outcome("/shipping/cancellations", caller, body)

    async def ship(self, caller: Caller, order_id: str, tracking_id: str) -> str:
        """Sends the parcel; its reference. Refused: out_of_stock, with the `sku` in its answer."""
        body = {"order_id": order_id, "tracking_id": tracking_id}
        return await self._reference("/shipping/shipments", caller, body)

    async def recall(self, caller: Caller, shipment_key: str) -> str:
        """Holds back the parcel sent with that key: 'recalled' or 'nothing shipped'."""
        return await self._outcome("/shipping/recalls", caller, {"shipment_key": shipment_key})

    async def mail(self, caller: Caller, recipient: str, order_id: str, tracking_id: str) -> str:
        """Sends the confirmation; its reference."""
        body = {"recipient": recipient, "order_id": order_id, "tracking_id": tracking_id}
        return await self._reference("/mails", caller, body)

    async def _reference(self, path: str, caller: Caller, body: Mapping[str, str | None]) -> str:
        return str((await self._ask("POST", path, caller, body))["reference"])

    async def _outcome(self, path: str, caller: Caller, body: Mapping[str, str | None]) -> str:
        return str((await self._ask("POST", path, caller, body))["outcome"])

    async def _ask(
        self, method: str, path: str, caller: Caller, body: Mapping[str, str | None] | None
    ) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, json=body, headers=caller.headers)
        except self._lost as error:
            raise NoAnswer(f"{path}: no answer ({error or type(error).__name__})") from error
        return _answer_in(response, path)


def _answer_in(response: "httpx.Response", path: str) -> dict[str, Any]:
    """The content of a good answer; any other one as the error that it means."""
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = float(response.headers.get("retry-after", "1"))
        raise QuotaExceeded(f"{path}: 429 quota exceeded, again in {seconds:g} s", seconds)
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    text = f"{path}: {response.status_code} {answer.get('detail', '')}".rstrip()
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        raise Unavailable(text)
    if response.is_server_error:
        raise NoAnswer(text)
    if response.is_error:
        raise Refused(answer.get("code", "unknown"), answer.get("detail", text), answer)
    return dict(answer)
