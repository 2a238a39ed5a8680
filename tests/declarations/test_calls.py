"""Calling what is declared: in a body, outside of one, and inside another activity."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from perdure.sagas.activity import activity
from perdure.sagas.context import ActivityContext, Undoes, current, current_activity
from perdure.sagas.errors import (
    ActivityInsideActivity,
    CalledDirectly,
    NotInActivity,
    PayloadError,
)
from perdure.sagas.loop import BodyLoop
from perdure.sagas.requests import ActivityRequest
from tests.declarations.examples import Charge

pytestmark = pytest.mark.every_python


@activity
async def charge(method: str, amount: Decimal) -> Charge:
    return Charge(reference=f"{method} {amount}")


@activity
def total(order_id: str) -> Decimal:
    return Decimal(len(order_id))


@charge.compensate
def refund(result: Charge | None) -> None:
    if result is not None:
        result.reference = "refunded"


def rested(body: Coroutine[Any, Any, Any]) -> tuple[BodyLoop, "asyncio.Task[Any]"]:
    """A body that ran until it waits."""
    loop = BodyLoop("pay@7")
    task = loop.create_task(body)
    loop.rest()
    return loop, task


@contextmanager
def running_attempt(**keywords: Any) -> Iterator[ActivityContext]:
    context = ActivityContext(execution_id="pay@7", idempotency_key="k", attempt=1, **keywords)
    token = current.set(context)
    try:
        yield context
    finally:
        current.reset(token)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (lambda: charge("card", Decimal("1.50")), b'{"method":"card","amount":"1.50"}'),
        (lambda: charge(amount=Decimal(2), method="c"), b'{"method":"c","amount":"2"}'),
        (lambda: total("A-7"), b'{"order_id":"A-7"}'),
    ],
)
def test_in_a_body_a_call_asks_for_the_activity(
    call: Callable[[], Awaitable[Any]], arguments: bytes
) -> None:
    async def body() -> Any:
        return await call()

    loop, task = rested(body())
    [request] = loop.requests
    assert isinstance(request, ActivityRequest)
    assert (request.activity in (charge, total), request.arguments) == (True, arguments)
    request.set_result("answer")
    loop.rest()
    assert task.result() == "answer"


def test_in_a_body_a_bad_argument_raises_at_the_call_and_asks_for_nothing() -> None:
    async def body() -> None:
        wrong: Any = 1.5
        with pytest.raises(PayloadError, match="parameter 'amount' of activity 'charge'"):
            charge("card", wrong)
        with pytest.raises(TypeError, match="activity 'charge' needs 'amount'"):
            charge("card")

    loop, task = rested(body())
    assert (loop.requests, task.result()) == ([], None)


def test_a_call_that_is_not_awaited_asks_for_nothing_and_is_told_by_name() -> None:
    async def body() -> None:
        charge("card", Decimal(1))

    with pytest.warns(RuntimeWarning, match="coroutine 'charge' was never awaited"):
        loop, _ = rested(body())
    assert loop.requests == []


async def test_outside_a_body_a_call_is_the_plain_call() -> None:
    assert await charge("card", Decimal(2)) == Charge(reference="card 2")
    assert await total("A-7") == 3
    assert total.function("A-7") == 3
    assert (await charge.function("card", Decimal(2))).reference == "card 2"


async def test_inside_an_activity_a_call_is_refused() -> None:
    with running_attempt():
        for call in (lambda: charge("card", Decimal(1)), lambda: total("A-7")):
            with pytest.raises(ActivityInsideActivity, match=r"pay@7.*\.function"):
                call()
        assert total.function("A-7") == 3


def test_a_compensation_is_called_by_tests_and_the_engine_not_by_a_body() -> None:
    charged = Charge(reference="7")
    refund(charged)
    assert charged.reference == "refunded"

    async def body() -> None:
        refund(charged)

    _, task = rested(body())
    with pytest.raises(CalledDirectly, match="compensation 'refund' of activity 'charge' was"):
        task.result()


def test_an_attempt_is_known_inside_an_activity_and_nowhere_else() -> None:
    deadline = datetime(2026, 1, 1, tzinfo=UTC)
    undoes = Undoes(idempotency_key="f", outcome="unknown")
    with running_attempt(deadline=deadline, undoes=undoes) as context:
        assert current_activity() is context
        assert (context.attempt, context.deadline, context.undoes) == (1, deadline, undoes)
        with pytest.raises(AttributeError):
            context.attempt = 2
    with pytest.raises(NotInActivity, match="only while the engine runs an activity"):
        current_activity()
