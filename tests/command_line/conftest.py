"""A journal file with one execution of each kind, and the command line as it is typed."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from perdure import ExecutionParked, Failure, Retry, activity, open_engine, suspend, workflow
from perdure.infrastructure.command_line import main
from tests.command_line.shop import parked

__all__ = ["parked"]  # a fixture

AT_ONCE = Retry.exponential(first=0.001, maximum=0.001)


class OutOfStock(Failure):
    sku: str


class Order(BaseModel):
    order_id: str
    fate: str


@activity(retry=AT_ONCE)
async def charge_credit_card(order_id: str) -> str:
    return f"charge of {order_id}"


refunds: set[str] = set()  # the orders whose refund was already tried once


@charge_credit_card.compensate(retry=AT_ONCE)
async def refund_credit_card(result: str | None, order_id: str) -> None:
    if order_id not in refunds:
        refunds.add(order_id)
        raise ConnectionError("the gateway hung up\x1b[2J")


@activity(raises=[OutOfStock])
async def send_order_to_shipping(order_id: str, fate: str) -> None:
    if fate == "out of stock":
        raise OutOfStock(sku="espresso-machine")


@workflow(key="order_id", raises=[OutOfStock])
async def process_payment(request: Order) -> str:
    if request.fate == "suspended":
        await suspend("waits for the bank")
    await charge_credit_card(request.order_id)
    await send_order_to_shipping(request.order_id, request.fate)
    return "shipped"


@dataclass(frozen=True, kw_only=True)
class Printed:
    status: int
    out: str
    err: str


CommandLine = Callable[..., Printed]


@pytest.fixture
def perdure(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """Types a command, in this process."""

    def typed(*arguments: str) -> Printed:
        monkeypatch.setattr(sys, "argv", ["perdure", *arguments])
        monkeypatch.setenv("COLUMNS", "160")
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        return Printed(status=int(end.value.code or 0), out=out, err=err)

    return typed


async def some_orders(url: str) -> None:
    refunds.clear()
    async with open_engine(url, [process_payment]) as engine:
        await engine.execute(process_payment, Order(order_id="1", fate="fulfilled"))
        with pytest.raises(OutOfStock):
            await engine.execute(process_payment, Order(order_id="2", fate="out of stock"))
        with pytest.raises(ExecutionParked):
            await engine.execute(process_payment, Order(order_id="3", fate="suspended"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a journal that is not there yet."""
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
def journal(url: str) -> str:
    """The address of a journal that no engine has open."""
    asyncio.run(some_orders(url))
    return url
