"""Declarations and calls that type-check, with the types that they are seen to have."""

import asyncio
import dataclasses
from collections.abc import Coroutine, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, assert_type

from hypothesis import strategies as st
from pydantic import BaseModel, Field

from perdure import (
    Activity,
    ActivityContext,
    Client,
    Compensation,
    Failure,
    Handle,
    Retry,
    Workflow,
    activity,
    blocking,
    connect,
    current_activity,
    open_engine,
    workflow,
)
from perdure.domain.states import BlockedByCode, Running, Waiting
from perdure.testing import Ending, check_workflow


class OutOfStock(Failure):
    sku: str
    wanted: int = 1
    shelves: list[int] = Field(default_factory=list)


class SoldOut(OutOfStock, name="sold-out"):
    since: Decimal


class ProcessPayment(BaseModel):
    order_id: str
    payment_method: str


@dataclasses.dataclass
class Booking:
    room: int


class Charge(BaseModel):
    reference: str


@activity
async def charge(method: str, amount: Decimal) -> Charge:
    context = current_activity()
    assert_type(context, ActivityContext)
    return Charge(reference=context.idempotency_key)


@activity(
    retry=Retry.exponential(first=0.5, attempts=3),
    raises=[OutOfStock],
    timeout=10,
    on_exhausted="suspend",
    on_unknown="compensate",
    concurrency=4,
    non_retryable=[ValueError],
)
async def reserve(sku: str, *, count: int = 1) -> list[int]:
    raise SoldOut(sku=sku, since=Decimal(1))


@activity
def total(order_id: str) -> Decimal:
    return Decimal(len(order_id))


@activity(name="mail", aliases=["send_mail"])
def mail(address: str, text: str | None = None) -> None: ...


@charge.compensate
async def refund(result: Charge | None, amount: Decimal) -> None: ...


@reserve.compensate(retry=Retry.fixed(1), raises=[OutOfStock], timeout=3, name="release")
def release(result: list[int] | None, sku: str) -> None: ...


@workflow(key="order_id")
async def process_payment(request: ProcessPayment) -> str:
    amount = await total(request.order_id)
    assert_type(amount, Decimal)
    charged = await charge(request.payment_method, amount)
    assert_type(charged, Charge)
    assert_type(await charge(amount=amount, method="card"), Charge)
    shelves = await reserve("A", count=2)
    assert_type(shelves, list[int])
    assert_type(await asyncio.wait_for(total("A"), 3), Decimal)
    first, second = await asyncio.gather(charge("card", amount), total("A"))
    assert_type(first, Charge)
    assert_type(second, Decimal)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(charge("card", amount))
    assert_type(task.result(), Charge)
    later: Coroutine[object, None, Decimal] = total("A")
    assert_type(await later, Decimal)
    await mail("ann@example.org")
    try:
        await reserve("A")
    except OutOfStock as failure:
        return failure.sku + failure.text
    return charged.reference


@workflow(
    key=lambda request: request.room, name="book", raises=[OutOfStock], on_defect="compensate"
)
async def book_room(request: Booking) -> None:
    raise Failure("no room")


@workflow(key=str, run_again="after_failure")
async def ping(request: str) -> dict[str, int]:
    return {}


def use() -> None:
    """A test of a user, say."""
    assert_type(process_payment, Workflow[ProcessPayment, str])
    assert_type(book_room, Workflow[Booking, None])
    assert_type(ping, Workflow[str, dict[str, int]])
    assert_type(process_payment.key_of(ProcessPayment(order_id="7", payment_method="c")), str)
    assert_type(process_payment.decode_result(b'"done"'), str)
    assert_type(release([1], "A"), None)
    assert_type(release(result=None, sku="A"), None)
    assert_type(charge.decode_result(b"{}"), Charge)
    anything: list[Activity[..., Any]] = [charge, reserve, total, mail]
    undone: list[Compensation[..., Any]] = [refund, release]
    assert_type(Failure("text").text, str)
    assert_type(OutOfStock(sku="A").wanted, int)
    assert_type(SoldOut(sku="A", since=Decimal(1), shelves=[1]).shelves, list[int])
    assert anything
    assert undone


async def use_async() -> None:
    """Outside a body a call is the plain call."""
    assert_type(await total("A"), Decimal)
    assert_type(await refund(None, Decimal(1)), None)
    assert_type(await process_payment.function(ProcessPayment.model_validate({})), str)


async def use_client(request: ProcessPayment) -> None:
    async with connect("memory://pins", reply_timeout=3) as client:
        assert_type(client, Client)
        handle = await client.start(process_payment, request)
        assert_type(handle, Handle[str])
        assert_type(await handle.result(timeout=3), str)
        assert_type(await client.execute(process_payment, request, timeout=3), str)
        assert_type(await client.execute(process_payment, request, tags={"a": "b"}), str)
        assert_type(client.handle("process_payment@7", process_payment), Handle[str])
        assert_type(client.handle("process_payment@7"), Handle[Any])
        await handle.resolve("skip", reason="written off")


def use_blocking_client(request: ProcessPayment) -> None:
    with blocking.connect("memory://pins") as client:
        assert_type(client, blocking.Client)
        handle = client.start(process_payment, request)
        assert_type(handle, blocking.Handle[str])
        assert_type(handle.result(timeout=3), str)
        assert_type(client.execute(process_payment, request), str)
        assert_type(client.execute(process_payment, request, tags={"a": "b"}), str)
        assert_type(client.handle("process_payment@7", process_payment).result(), str)
        assert_type(client.handle("process_payment@7").result(), Any)


async def use_engine(request: ProcessPayment) -> None:
    async with open_engine(
        "memory://pins", [process_payment, book_room], activities=[charge]
    ) as engine:
        handle = await engine.start(process_payment, request)
        assert_type(handle, Handle[str])
        assert_type(await handle.result(timeout=3), str)
        assert_type(await engine.execute(process_payment, request), str)
        tags = {"customer": request.order_id}
        assert_type(await engine.start(process_payment, request, tags=tags), Handle[str])
        assert_type(await engine.execute(process_payment, request, tags=tags), str)
        await engine.execute(book_room, Booking(3))


class Shop:
    pass


def books_balance(shop: Shop) -> bool:
    return bool(shop)


def told(shop: Shop, endings: Sequence[Ending]) -> None:
    assert_type(endings[0].state, str)


def prove(request: ProcessPayment) -> None:
    payments = st.builds(ProcessPayment)
    check_workflow(process_payment, requests=payments, world=Shop, invariant=books_balance)
    check_workflow(process_payment, requests=[request], world=Shop, invariant=told, real=[charge])
    check_workflow(process_payment, requests=[request], fakes={charge: lambda: "charged"})


async def tell(handle: Handle[str]) -> None:
    match await handle.status():
        case Running(activities) as state:
            assert_type(activities, tuple[str, ...])
            assert_type(state.queued, tuple[str, ...])
        case Waiting(waits_for, until):
            assert_type(waits_for, str)
            assert_type(until, datetime | None)
        case BlockedByCode(reason) as state:
            assert_type((reason, state.code), tuple[str, str])
        case _:
            pass
