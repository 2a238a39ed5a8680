"""What attempts and bodies raise, however odd, harms nobody else and is taken for what it is."""

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from perdure import (
    ExecutionParked,
    RetriesExhausted,
    activity,
    current_activity,
    workflow,
)
from tests.engine.places import Place, kinds, recorded
from tests.engine.shop import SOON, OutOfStock, find, look_up

pytestmark = pytest.mark.every_python


class Mute(Exception):
    """One whose text cannot be told."""

    def __str__(self) -> str:
        raise AttributeError("no text")


class TooLate(Exception):
    retry_after = 10**400


class Unreadable(Exception):
    @property
    def retry_after(self) -> float:
        raise LookupError("no such header")


def raising(error: BaseException) -> Callable[[str], str]:
    """A function that raises at its first attempt."""

    def function(order_id: str) -> str:
        if current_activity().attempt == 1:
            raise error
        return "fine"

    return function


@pytest.mark.parametrize("error", [Mute(), ExceptionGroup("both", [Mute()]), Unreadable()])
@pytest.mark.parametrize("in_thread", [True, False])
async def test_an_exception_that_cannot_be_told_of_is_a_defect_like_others(
    memory: Place, error: Exception, in_thread: bool
) -> None:
    plain = raising(error)

    async def asynchronous(order_id: str) -> str:
        return plain(order_id)

    ask: Any = activity(name="ask", retry=SOON)(plain if in_thread else asynchronous)

    @workflow(key=str)
    async def order(order_id: str) -> str:
        return str(await ask(order_id))

    async with memory.engine(order) as engine:
        first = await asyncio.gather(*(engine.execute(order, f"o-{n}", timeout=10) for n in "12"))
    assert first == ["fine", "fine"]


async def test_a_wait_beyond_all_numbers_is_the_longest_there_is(memory: Place) -> None:
    ask = activity(name="ask")(raising(TooLate()))

    @workflow(key=str)
    async def order(order_id: str) -> str:
        return await ask(order_id)

    async with memory.engine(order, find) as engine:
        handle = await engine.start(order, "o-1")
        await recorded(handle, "AttemptFailed")
        assert await engine.execute(find, "o-2", timeout=10) == "the price"
        failed = [event for event in await handle.history() if event.kind == "AttemptFailed"]
    assert [event.due is not None for event in failed] == [True]


async def test_a_body_whose_exception_cannot_be_told_of_is_suspended(memory: Place) -> None:
    @workflow(key=str)
    async def order(order_id: str) -> None:
        await look_up("price")
        raise Mute

    async with memory.engine(order) as engine:
        with pytest.raises(ExecutionParked, match=r"Mute: .*cannot be told"):
            await engine.execute(order, "o-1", timeout=10)


async def test_a_compensation_whose_exception_cannot_be_told_of_is_tried_again(
    memory: Place,
) -> None:
    @activity
    async def reserve(sku: str) -> str:
        return sku

    @reserve.compensate(retry=SOON)
    async def unreserve(sku: str) -> None:
        raising(Mute())(sku)

    @workflow(key=str, raises=[OutOfStock])
    async def order(order_id: str) -> None:
        await reserve(order_id)
        raise OutOfStock(sku=order_id)

    async with memory.engine(order) as engine:
        with pytest.raises(OutOfStock):
            await engine.execute(order, "o-1", timeout=10)


def after_an_activity(loop: asyncio.AbstractEventLoop) -> asyncio.Future[str]:
    task = loop.create_task(look_up("price"))
    task.add_done_callback(lambda _: 1 / 0)
    return task


def soon(loop: asyncio.AbstractEventLoop) -> asyncio.Future[str]:
    loop.call_soon(lambda: 1 / 0)
    return loop.create_task(look_up("price"))


def after_a_timer(loop: asyncio.AbstractEventLoop) -> asyncio.Future[str]:
    sleeping = loop.create_task(asyncio.sleep(0.001, "the price"))
    sleeping.add_done_callback(lambda _: 1 / 0)
    return sleeping


@pytest.mark.parametrize("ask", [after_an_activity, soon, after_a_timer])
async def test_what_a_callback_of_the_body_raises_is_logged_and_nobody_s_matter(
    memory: Place,
    caplog: pytest.LogCaptureFixture,
    ask: Callable[[asyncio.AbstractEventLoop], asyncio.Future[str]],
) -> None:
    @workflow(key=str)
    async def order(order_id: str) -> str:
        return await ask(asyncio.get_running_loop())

    async with memory.engine(order) as engine:
        assert await engine.execute(order, "o-1", timeout=10) == "the price"
    told = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert [one.getMessage() for one in told] == ["order@o-1: a callback raised"]
    assert told[0].exc_info is not None
    assert told[0].exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("in_thread", [True, False])
async def test_an_activity_that_exits_has_a_defect(memory: Place, in_thread: bool) -> None:
    def leave(order_id: str) -> str:
        if current_activity().attempt == 1:
            sys.exit(3)
        return "fine"

    async def leave_later(order_id: str) -> str:
        return leave(order_id)

    ask: Any = activity(name="ask", retry=SOON)(leave if in_thread else leave_later)

    @workflow(key=str)
    async def order(order_id: str) -> str:
        return str(await ask(order_id))

    async with memory.engine(order) as engine:
        handle = await engine.start(order, "o-1")
        assert await handle.result(timeout=10) == "fine"
        failed = [event for event in await handle.history() if event.kind == "AttemptFailed"]
    assert [event.error for event in failed] == ["SystemExit: 3"]


async def test_a_timeout_stays_one_although_the_clean_up_raises(place: Place) -> None:
    # behaviours 17, 21
    undone: list[object] = []

    @activity(timeout=0.01, on_unknown="compensate", retry=SOON)
    async def book(seat: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("closed while waiting") from None
        return seat

    @book.compensate
    async def free(result: str | None, seat: str) -> None:
        undone.append((result, seat))

    @workflow(key=str)
    async def travel(order_id: str) -> None:
        await book("12A")

    async with place.engine(travel) as engine:
        handle = await engine.start(travel, "o-1")
        with pytest.raises(RetriesExhausted, match="closed while waiting"):
            await handle.result(timeout=10)
        assert (await kinds(handle)).count("AttemptFailed") == 1
    assert undone == [(None, "12A")]
