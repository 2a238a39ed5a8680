"""A shop whose executions are parked, and an engine for it in a thread, beside the command line."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from pydantic import BaseModel

from perdure import ExecutionParked, Failure, activity, open_engine, suspend, workflow


class OutOfStock(Failure):
    sku: str


class AccountClosed(Failure):
    account: str


class BuyLamp(BaseModel):
    order_id: str
    account: str = "ada"
    parked: str = "stuck"


@activity
async def reserve_lamp(order_id: str) -> str:
    return f"reservation of {order_id}"


paying = threading.Event()  # somebody pays who never gets through


@activity
async def pay(account: str, amount: Decimal) -> str:
    if account == "never":
        paying.set()
        await asyncio.Event().wait()
    return f"paid by {account}"


@pay.compensate(raises=[AccountClosed])
async def pay_back(result: str | None, account: str, amount: Decimal) -> None:
    if account == "closed":
        raise AccountClosed(account=account)


@activity(raises=[OutOfStock])
async def ship(order_id: str) -> None:
    raise OutOfStock(sku="lamp")


@workflow(key="order_id", raises=[OutOfStock])
async def buy_lamp(request: BuyLamp) -> str:
    await reserve_lamp(request.order_id)
    await pay(request.account, Decimal("2.50"))
    if request.parked == "suspended":
        await suspend(f"{request.account}: waits for the bank, timeout 3 days")
        return "bought"
    await ship(request.order_id)
    return "shipped"


@pytest.fixture
def parked(url: str) -> str:
    """A journal with two that are stuck and two that are suspended; no engine has it open."""

    async def park() -> None:
        async with open_engine(url, [buy_lamp]) as engine:
            for order in (
                BuyLamp(order_id="1", account="closed"),
                BuyLamp(order_id="2", account="closed"),
                BuyLamp(order_id="3", parked="suspended"),
                BuyLamp(order_id="4", account="eve", parked="suspended"),
            ):
                with pytest.raises(ExecutionParked):
                    await engine.execute(buy_lamp, order)

    asyncio.run(park())
    return url


@contextmanager
def engine_on(url: str) -> Iterator[None]:
    """An engine runs there, until all have ended or are parked."""
    opened = threading.Event()
    told: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        async with open_engine(url, [buy_lamp]) as engine:
            closing = asyncio.Event()
            told.append((asyncio.get_running_loop(), closing))
            opened.set()
            await closing.wait()
            handles = [engine.handle(f"buy_lamp@{key}") for key in range(1, 5)]
            ends = (handle.result(timeout=20) for handle in handles)
            await asyncio.gather(*ends, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert opened.wait(timeout=20)
    loop, closing = told[0]
    try:
        yield
    finally:
        loop.call_soon_threadsafe(closing.set)
        thread.join(timeout=20)
        assert not thread.is_alive()
