"""The payment saga of the kill tests, and a gateway whose ledger is a file that survives its kills.

Every call and every effect is a line, on the disk before the call goes on. What was done for a key
is not done again, also not by the next process.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from perdure import Failure, Retry, activity, current_activity, workflow

SOON = Retry.fixed(0.01)


class OutOfStock(Failure):
    order: int


class Gateway:
    """Held up at a step, it tells so on standard output and never goes on."""

    def open(self, ledger: Path, hold: str) -> None:
        self._file = os.open(ledger, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._done = {line["key"] for line in lines(ledger) if line["what"] == "effect"}
        self._hold = hold

    async def serve(self, step: str, order: int) -> None:
        context = current_activity()
        undoes = context.undoes.idempotency_key if context.undoes else None
        line = {
            "what": "call",
            "order": order,
            "step": step,
            "key": context.idempotency_key,
            "attempt": context.attempt,
            "undoes": undoes,
        }
        self._write(line)
        await self._pass(f"before {step}")
        if context.idempotency_key not in self._done:
            self._done.add(context.idempotency_key)
            self._write({**line, "what": "effect"})
        await self._pass(f"after {step}")

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)

    async def _pass(self, place: str) -> None:
        tell(place)
        if place == self._hold:
            await asyncio.get_running_loop().create_future()


def tell(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def lines(ledger: Path) -> list[dict[str, Any]]:
    """What is on the disk; a line that a kill cut short is not."""
    if not ledger.exists():
        return []
    whole = ledger.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in whole]


gateway = Gateway()


@activity(retry=SOON)
async def get_total_amount(order: int) -> int:
    await gateway.serve("total", order)
    return 1250


@activity(retry=SOON)
async def charge_credit_card(order: int, amount: int) -> str:
    await gateway.serve("charge", order)
    return f"charge {order}"


@charge_credit_card.compensate(retry=SOON)
async def refund_credit_card(result: str | None, order: int) -> None:
    await gateway.serve("refund", order)


@activity(retry=SOON)
async def create_tracking_code(order: int) -> str:
    await gateway.serve("code", order)
    return f"code {order}"


@create_tracking_code.compensate(retry=SOON)
async def void_tracking_code(result: str | None, order: int) -> None:
    await gateway.serve("void", order)


@activity(retry=SOON, raises=[OutOfStock])
async def send_order_to_shipping(order: int, tracking_id: str) -> None:
    if order % 2:
        raise OutOfStock(order=order)
    await gateway.serve("ship", order)


@activity(retry=SOON)
async def send_confirmation_email(order: int, tracking_id: str) -> None:
    await gateway.serve("email", order)


@workflow(key=str, raises=[OutOfStock])
async def process_payment(order: int) -> str:
    """Even orders are fulfilled, odd ones are out of stock when the card is charged already."""
    amount = await get_total_amount(order)
    await charge_credit_card(order, amount)
    tracking_id = await create_tracking_code(order)
    await send_order_to_shipping(order, tracking_id)
    await send_confirmation_email(order, tracking_id)
    return tracking_id
