"""Time jumps on the loop that runs the test, and only where nothing outside is waited for."""

import asyncio
import socketserver
import threading
import unittest
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import activity, suspend, workflow
from perdure.testing import CannotJump, NothingWillHappen, engine, run
from tests.kit.cinema import Booked, Visit, hold_seat, price_of, take_money, visit

DAY_SECONDS = 86_400.0
REAL_SECONDS = 0.05  # that something outside takes
FAKES = {hold_seat: lambda: Booked(seat=1), take_money: lambda: "paid", price_of: lambda: 900}


async def a_month() -> str:
    async with engine([visit], fakes=FAKES) as opened:
        return await opened.execute(visit, Visit(visitor="Ada", days_until=30.0))


def test_it_works_in_asyncio_run_and_in_a_test_case_of_unittest() -> None:
    class Month(unittest.IsolatedAsyncioTestCase):
        async def test_month(self) -> None:
            assert await a_month() == "seat 1, paid"

    assert asyncio.run(a_month()) == run(a_month()) == "seat 1, paid"
    result = unittest.defaultTestLoader.loadTestsFromTestCase(Month).run(unittest.TestResult())
    assert result is not None
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


async def test_the_loop_is_as_it_was_after_an_error_too_and_its_timers_as_far_away() -> None:
    loop: Any = asyncio.get_running_loop()
    before = {**loop.__dict__}, {**loop._selector.__dict__}
    began, far = loop.time(), []

    async def scenario() -> None:
        async with engine([visit], fakes=FAKES):
            await asyncio.wait_for(asyncio.sleep(DAY_SECONDS), 2 * DAY_SECONDS)
            far.append(loop.call_later(60.0, far.clear))
            assert loop.time() - began >= DAY_SECONDS
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await scenario()
    left = far[0].when() - loop.time()
    far[0].cancel()
    assert 59.0 < left <= 60.0
    assert loop.time() - began < 10.0
    assert before[0].keys() == loop.__dict__.keys()
    assert before[1].keys() == loop._selector.__dict__.keys()


async def test_a_timer_that_is_decades_away_fires_on_the_day() -> None:
    async with engine([visit], fakes=FAKES) as opened:
        await opened.execute(visit, Visit(visitor="Ada", days_until=12_000.0))
        assert opened.now.isoformat(timespec="seconds") == "2059-11-23T08:00:00+00:00"


async def test_a_timer_that_was_set_before_stays_in_real_time() -> None:
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    began = loop.time()
    far = loop.call_later(3_600.0, rung.set)
    loop.call_later(REAL_SECONDS, rung.set)
    async with engine([visit], fakes=FAKES) as opened:
        await opened.elapse(days=1)
        assert not rung.is_set()
        await asyncio.to_thread(threading.Event().wait, 2 * REAL_SECONDS)
        assert rung.is_set()
    assert 3_599.0 < far.when() - began < 3_601.0
    far.cancel()


async def test_two_engines_on_one_loop_share_its_time() -> None:
    async with engine([visit], fakes=FAKES) as one:
        await one.elapse(days=1)
        async with engine([visit], fakes=FAKES) as other:
            both = [one.execute(visit, Visit(visitor=name, days_until=1.0)) for name in ("A", "B")]
            third = other.execute(visit, Visit(visitor="A", days_until=1.0))
            assert set(await asyncio.gather(*both, third)) == {"seat 1, paid"}
            assert (one.now - other.now).days == 1
        await one.elapse(days=1)
        assert one.now.isoformat() == "2027-01-18T08:00:00+00:00"


def test_where_time_cannot_jump_it_says_what_to_do() -> None:
    class Foreign(asyncio.AbstractEventLoop):
        """As uvloop's is: none of asyncio's own."""

    coroutine = engine([visit]).__aenter__()
    with pytest.raises(CannotJump, match="no asyncio event loop is running"):
        coroutine.send(None)
    asyncio._set_running_loop(Foreign())
    try:
        with pytest.raises(CannotJump, match=r"Foreign, .*perdure.testing.run\("):
            engine([visit]).__aenter__().send(None)
    finally:
        asyncio._set_running_loop(None)


async def test_time_does_not_jump_while_a_thread_or_an_executor_works() -> None:
    def work() -> int:
        threading.Event().wait(REAL_SECONDS)
        return 7

    @activity(timeout=DAY_SECONDS)
    def in_a_thread() -> int:
        return work()

    @activity(timeout=DAY_SECONDS)
    async def in_an_executor() -> int:
        return await asyncio.to_thread(work)

    @workflow(key=str)
    async def both(request: int) -> int:
        return sum(await asyncio.gather(in_a_thread(), in_an_executor()))

    async with engine([both]) as opened:
        began = opened.now
        assert await opened.execute(both, 1) == 14
        assert REAL_SECONDS * 0.9 < (opened.now - began).total_seconds() < 60.0


async def test_a_sync_activity_that_takes_too_long_times_out_in_real_time() -> None:
    through = threading.Event()

    @activity(timeout=REAL_SECONDS, on_unknown="compensate")
    def hanging() -> None:
        through.wait(10)

    @workflow(key=str)
    async def impatient(request: int) -> str:
        try:
            await hanging()
        except Exception as error:
            through.set()
            return type(error).__name__
        return "in time"

    async with engine([impatient]) as opened:
        assert await opened.execute(impatient, 1) == "RetriesExhausted"


class Slow(socketserver.BaseRequestHandler):
    """A server of another thread, in real time."""

    def handle(self) -> None:
        while self.request.recv(10):
            threading.Event().wait(REAL_SECONDS)
            self.request.sendall(b"x")


@pytest.fixture
def address() -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address
        server.shutdown()


async def test_time_does_not_jump_while_an_activity_talks_over_a_socket(address: Any) -> None:
    connections: list[Any] = []

    @activity(timeout=DAY_SECONDS)
    async def ask() -> str:
        if not connections:
            connections.append(await asyncio.open_connection(*address))
        reader, writer = connections[0]
        writer.write(b"?")
        return str((await reader.read(1)).decode())

    @workflow(key=str)
    async def asks(request: int) -> str:
        answers = await ask()
        await asyncio.sleep(DAY_SECONDS)
        return answers + await ask()

    async with engine([asks]) as opened:
        assert await opened.execute(asks, 1) == "xx"
        history = await opened.handle("asks@1").history()
        assert [event for event in history if event.kind == "AttemptFailed"] == []
        connections[0][1].close()
        await connections[0][1].wait_closed()


async def test_time_does_not_jump_while_the_test_itself_talks_over_a_socket(address: Any) -> None:
    async with engine([visit]), asyncio.timeout(DAY_SECONDS):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"?")
        assert await reader.read(1) == b"x"
        writer.close()
        await writer.wait_closed()


async def test_whoever_waits_for_what_cannot_come_is_told_of_what_everybody_waits_for() -> None:
    @workflow(key=str)
    async def forlorn(request: int) -> None:
        await asyncio.Event().wait()

    async with engine([forlorn]) as opened:
        with pytest.raises(
            NothingWillHappen, match=r"nobody works; forlorn@1 waits for asyncio\.Event"
        ):
            await opened.execute(forlorn, 1)
        with pytest.raises(NothingWillHappen, match="forlorn@1"):
            await opened.handle("forlorn@1").wait(states=["suspended"])


async def test_a_hang_tells_of_each_execution_what_it_does_or_waits_for() -> None:
    @workflow(key=str)
    async def patient(request: int) -> None:
        await (suspend("ask the boss") if request == 1 else price_of("Metropolis"))

    async with engine([patient], fakes={price_of: asyncio.Event().wait}) as opened:
        for number in (1, 2, 3):
            handle = await opened.start(patient, number)
        states = "patient@1 is suspended: ask the boss.*; patient@2 runs price_of; patient@3 runs"
        with pytest.raises(NothingWillHappen, match=states):
            await handle.result(on_parked="wait")


async def test_a_test_that_waits_for_what_nobody_does_is_ended() -> None:
    async def scenario() -> None:
        async with engine([visit]):
            await asyncio.Event().wait()

    with pytest.raises(NothingWillHappen, match="no execution is unfinished: it is the test"):
        await scenario()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


def test_a_test_that_waits_for_nothing_in_a_fixture_s_engine_is_ended_by_the_loop() -> None:
    async def fixture() -> None:
        context = engine([visit], fakes=FAKES)
        contexts.append((context, await context.__aenter__()))

    async def forlorn() -> None:
        await contexts[0][1].start(visit, Visit(visitor="Ada"))
        await asyncio.Event().wait()

    contexts: list[Any] = []
    with asyncio.Runner() as runner:
        runner.run(fixture())
        with pytest.raises(NothingWillHappen, match="it is the test that waits"):
            runner.run(forlorn())
        runner.run(contexts[0][0].__aexit__(None, None, None))


async def test_what_may_still_come_from_outside_is_waited_for_with_patience(address: Any) -> None:
    async def scenario() -> None:
        async with engine([visit], patience_seconds=2 * REAL_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                await reader.read(1)
            finally:
                writer.close()

    with pytest.raises(NothingWillHappen, match=r"nothing has happened for 0\.1 s of real time"):
        await scenario()
