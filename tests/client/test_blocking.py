"""The blocking client: the same answers for callers without a loop, from any of their threads."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from perdure import (
    CancelledExecution,
    ClientClosed,
    DifferentRequest,
    UnknownExecution,
    blocking,
)
from perdure.domain.states import Cancelled, Succeeded, Waiting
from perdure.infrastructure.errors import BadAddress
from tests.client.processes import worker
from tests.engine.places import InMemory, OnDisk
from tests.engine.shop import ProcessPayment, find, process_payment, world
from tools import blocking as generated

ORDER = ProcessPayment(order_id="o-1")
PATIENCE_SECONDS = 20


@pytest.fixture
def place(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path)


@pytest.fixture
def client(place: OnDisk) -> Iterator[blocking.Client]:
    with blocking.connect(place.url) as client:
        yield client


def test_the_module_is_what_the_async_client_gives() -> None:
    assert generated.PATH.read_text() == generated.text(), "stale: python -m tools.blocking"


def test_orders_and_answers_go_through_it(place: OnDisk, client: blocking.Client) -> None:
    handle = client.start(process_payment, ORDER)
    assert repr(handle) == "<Handle of process_payment@o-1>"
    assert handle.status() == Waiting("an engine that takes its start")
    with pytest.raises(TimeoutError):
        handle.result(timeout=0.01)
    with worker(place.url):
        handle.accepted()
        assert handle.result(timeout=PATIENCE_SECONDS) == "code for Mill Lane 3"
        assert handle.status() == Succeeded()
        assert handle.history()[0].kind == "ExecutionStarted"
        assert handle.plan() == []
        handle.cancel()
        assert client.execute(find, "o-2", timeout=PATIENCE_SECONDS) == "the price"
        assert client.handle("find@o-2", find).result() == "the price"
        assert client.handle("find@o-2").result() == "the price"
        other = ORDER.model_copy(update={"address": "Hill Road 9"})
        with pytest.raises(DifferentRequest, match="Hill Road 9"):
            client.execute(process_payment, other)
        with pytest.raises(UnknownExecution):
            client.handle("find@nobody").resume()


def test_many_threads_share_one(place: OnDisk, client: blocking.Client) -> None:
    with worker(place.url), ThreadPoolExecutor(16) as threads:
        results = threads.map(
            lambda number: client.execute(find, f"o-{number}", timeout=PATIENCE_SECONDS),
            range(200),
        )
        assert set(results) == {"the price"}


def test_it_may_be_closed_twice_and_says_so_afterwards(client: blocking.Client) -> None:
    handle = client.start(find, "o-1")
    client.close()
    client.close()
    for use in (handle.status, handle.result, lambda: client.start(find, "o-2")):
        with pytest.raises(ClientClosed):
            use()


def test_who_waits_when_it_is_closed_is_told(client: blocking.Client) -> None:
    handle = client.start(find, "o-1")
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(wait) for wait in (handle.result, handle.accepted)]
        client.close()
        for told in waiting:
            assert isinstance(told.exception(PATIENCE_SECONDS), ClientClosed)


def test_an_order_may_be_left_to_an_engine_that_comes_later(place: OnDisk) -> None:
    with blocking.connect(place.url, reply_timeout=0.05) as client:
        handle = client.start(find, "o-1")
        with pytest.raises(TimeoutError, match=r"find@o-1: no engine has taken the order to start"):
            handle.accepted()
        with pytest.raises(TimeoutError, match="it stands"):
            handle.cancel("never mind")
    with worker(place.url), blocking.connect(place.url) as client:
        handle = client.handle("find@o-1", find)
        with suppress(CancelledExecution):
            handle.result(timeout=PATIENCE_SECONDS)
        handle.cancel("the same")  # behind the one before, so that one is carried out too
        assert isinstance(handle.status(), Cancelled | Succeeded)


async def test_where_a_loop_runs_it_refuses_to_stop_it(place: OnDisk) -> None:
    client = await asyncio.to_thread(blocking.connect, place.url)
    with pytest.raises(RuntimeError, match=r"use perdure\.connect"):
        client.start(find, "o-1")
    handle = await asyncio.to_thread(client.start, find, "o-1")
    assert handle.id == "find@o-1"
    await asyncio.to_thread(client.close)


async def test_it_reaches_an_engine_in_memory_from_another_thread() -> None:
    place = InMemory()
    async with place.engine(find):
        client = await asyncio.to_thread(blocking.connect, place.url)
        results = await asyncio.gather(
            *(asyncio.to_thread(client.execute, find, f"o-{number}") for number in range(8))
        )
        await asyncio.to_thread(client.close)
    assert set(results) == {"the price"}
    assert world.times_done("price") == 8


def test_an_address_that_is_none_is_refused_and_no_thread_stays() -> None:
    before = threading.active_count()
    with pytest.raises(BadAddress):
        blocking.connect("carrier-pigeon://loft")
    assert threading.active_count() <= before + 1  # the one that ends


def test_a_forked_child_is_told_to_connect_itself(place: OnDisk) -> None:
    program = dedent(f"""
        import os, sys, warnings
        from perdure import ClientClosed, blocking
        warnings.simplefilter("ignore")
        client = blocking.connect({place.url!r})
        if os.fork() == 0:
            try:
                client.handle("find@o-1").status()
            except ClientClosed as error:
                print(error, flush=True)
            client.close()
            os._exit(0)
        os.wait()
        client.close()
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert "is used in its child" in done.stdout
    assert "connect in the child" in done.stdout
