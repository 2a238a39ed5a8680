"""The engine of the testing kit is production's: the same stream, in no time, with fakes."""

import asyncio
import threading
from dataclasses import asdict
from typing import Any

import pytest

from perdure import (
    EngineSettings,
    EngineStopped,
    NotDone,
    Retry,
    activity,
    current_activity,
    open_engine,
    workflow,
)
from perdure.testing import BadFake, NoFake, engine
from tests.kit.cinema import Booked, HouseFull, Visit, hold_seat, price_of, take_money, visit

FOR_FREE = {hold_seat: lambda: Booked(seat=1), take_money: lambda: "paid", price_of: lambda: 0}


class Cinema:
    """The world of a test. Whoever asks for the film "full" is refused."""

    def __init__(self) -> None:
        self.seats: dict[str, int] = {}
        self.calls: list[str] = []

    async def hold_seat(self, visitor: str, film: str) -> Booked:
        self._note()
        if film == "full":
            raise HouseFull(film=film)
        return Booked(seat=self.seats.setdefault(visitor, len(self.seats) + 1))

    def free_seat(self, visitor: str) -> None:
        self._note()
        del self.seats[visitor]

    def take_money(self, visitor: str) -> str:
        self._note()
        if current_activity().attempt < 5:
            raise OSError("the till is stuck")
        return "refused" if visitor == "Bob" else "paid"

    def _note(self) -> None:
        context = current_activity()
        self.calls.append(f"{context.execution_id} {context.attempt}")


async def test_a_month_with_retries_passes_at_once() -> None:
    # behaviour 68
    loop, world = asyncio.get_running_loop(), Cinema()
    began = loop.time()
    async with engine([visit], world=world, real=[price_of]) as opened:
        assert await opened.execute(visit, Visit(visitor="Ada", days_until=30)) == "seat 1, paid"
        history = await opened.handle("visit@Ada").history()
        assert history[0].time.isoformat() == "2027-01-15T08:00:00+00:00"
        fired = next(event for event in history if event.kind == "TimerFired")
        assert fired.time.isoformat() == "2027-02-14T08:00:00+00:00"
        assert 30 * 86_400 < (opened.now - history[0].time).total_seconds() < 31 * 86_400
    assert loop.time() - began < 1.0
    assert world.calls == ["visit@Ada 1"] + [f"visit@Ada {n}" for n in range(1, 6)]


async def test_a_saga_that_fails_is_undone_by_the_methods_of_its_world() -> None:
    world = Cinema()
    async with engine([visit], world=world, real=[price_of]) as opened:
        with pytest.raises(HouseFull):
            await opened.execute(visit, Visit(visitor="Bob"))
        assert world.seats == {}
        with pytest.raises(HouseFull):
            await opened.execute(visit, Visit(visitor="Eve", film="full"))


async def test_the_stream_is_that_of_real_time_but_for_the_times() -> None:
    # behaviour 68
    @activity(retry=Retry.fixed(0.03), timeout=5.0)
    async def shaky(text: str) -> str:
        if current_activity().attempt < 3:
            raise OSError(text)
        return text

    @activity
    def threaded(text: str) -> str:
        return text * 2

    @threaded.compensate
    async def unthreaded(result: str | None) -> None: ...

    @workflow(key=str, raises=[HouseFull])
    async def short(request: str) -> None:
        doubled = await threaded("b")  # on its own: how long a thread takes is nobody's to say
        first = await asyncio.gather(shaky("a"), asyncio.sleep(0.01))
        await asyncio.sleep(0.02)
        raise HouseFull(film=f"{first[0]}{doubled}")

    async def stream(opened: Any) -> list[Any]:
        with pytest.raises(HouseFull):
            await opened.execute(short, "x")
        untimed = []
        for event in await opened.handle("short@x").history():
            fields = asdict(event)
            untimed.append({**fields, "time": None, "due": fields["due"] is not None})
        return untimed

    async with open_engine("memory://kit-real-time", [short]) as real:
        recorded = await stream(real)
    async with engine([short]) as virtual:
        assert await stream(virtual) == recorded
    assert len(recorded) > 10


async def test_the_jitter_of_retries_is_that_of_the_seed() -> None:
    async def dues(seed: int) -> list[Any]:
        fakes = {**FOR_FREE, take_money: Cinema().take_money}
        async with engine([visit], fakes=fakes, seed=seed) as opened:
            await opened.execute(visit, Visit(visitor="Ada"))
            return [event.due for event in await opened.handle("visit@Ada").history() if event.due]

    once = await dues(1)
    assert once == await dues(1)
    assert once != await dues(2)


async def test_what_has_no_fake_is_not_called_and_stops_the_test_at_once() -> None:
    told: list[str] = []  # what is raised on leaving would hide an assertion

    async def waits(opened: Any) -> None:
        try:
            await opened.execute(visit, Visit(visitor="Ada"))
        except NoFake as error:
            told.append(str(error))

    async def goes_on(opened: Any) -> None:
        await waits(opened)
        try:
            await opened.handle("visit@Ada").result()
        except EngineStopped as error:
            told.append(str(error))

    async def waits_elsewhere(opened: Any) -> None:
        await opened.start(visit, Visit(visitor="Ada"))
        await asyncio.Event().wait()

    async def lets_time_pass(opened: Any) -> None:
        await opened.start(visit, Visit(visitor="Ada"))
        await opened.elapse()
        told.append("it goes on")

    for test in (waits, goes_on, waits_elsewhere, lets_time_pass):
        world = Cinema()

        async def scenario(world: Cinema, test: Any) -> None:
            async with engine([visit], world=world) as opened:
                await test(opened)

        with pytest.raises(NoFake, match=r"activity 'price_of' .* real=\[price_of\]"):
            await scenario(world, test)
        assert world.calls == ["visit@Ada 1"]
    assert [text.partition(" (")[0] for text in told] == [
        "activity 'price_of'",
        "activity 'price_of'",
        "visit@Ada: the engine broke",
    ]


async def test_a_name_that_nothing_has_is_told_on_leaving_but_not_instead_of_a_failure() -> None:
    async def scenario(failing: BaseException | None) -> None:
        async with engine([visit], fakes={**FOR_FREE, "take_mony": print}) as opened:
            await opened.execute(visit, Visit(visitor="Ada"))
            if failing is not None:
                raise failing

    with pytest.raises(BadFake, match="'take_mony'"):
        await scenario(None)
    with pytest.raises(ZeroDivisionError):
        await scenario(ZeroDivisionError())


async def test_time_is_let_pass_by_hand_to_look_at_what_is_under_way() -> None:
    async with engine([visit], fakes=FOR_FREE) as opened:
        handle = await opened.start(visit, Visit(visitor="Ada", days_until=3))
        await opened.elapse(days=2, hours=23, minutes=59, seconds=59)
        assert type(await handle.status()).__name__ == "Waiting"
        await opened.elapse(seconds=1)
        assert type(await handle.status()).__name__ == "Succeeded"
        assert opened.now.isoformat() == "2027-01-18T08:00:00+00:00"
        rung: list[str] = []
        asyncio.get_running_loop().call_later(5e-7, rung.append, "less than a microsecond is now")
        await opened.elapse()
        assert len(rung) == 1


async def test_a_restart_goes_on_with_the_code_of_today() -> None:
    @workflow(name="visit", key="visitor", raises=[HouseFull])
    async def visit_of_today(request: Visit) -> str:
        return "today: " + await visit.function(request)

    async with engine([visit], fakes=FOR_FREE) as opened:
        handle = await opened.start(visit, Visit(visitor="Ada", days_until=2))
        waiting = asyncio.create_task(handle.result())
        await opened.elapse(days=1)
        await opened.restart([visit_of_today])
        with pytest.raises(EngineStopped):
            await waiting
        assert opened.now.isoformat() == "2027-01-16T08:00:00+00:00"
        assert await opened.handle(handle.id).result() == "today: seat 1, paid"
        assert opened.now.isoformat() == "2027-01-17T08:00:00+00:00"


async def test_a_crash_leaves_attempts_unfinished_and_they_are_tried_again() -> None:
    began = asyncio.Event()
    attempts: list[int] = []

    async def hold() -> Booked:
        attempts.append(current_activity().attempt)
        if len(attempts) == 1:
            began.set()
            await asyncio.Event().wait()
        return Booked(seat=9)

    async with engine([visit], fakes={**FOR_FREE, hold_seat: hold, "find_seat": NotDone}) as opened:
        await opened.start(visit, Visit(visitor="Ada"))
        await began.wait()
        await opened.crash()
        assert await opened.handle("visit@Ada").result() == "seat 9, paid"
        history = await opened.handle("visit@Ada").history()
        assert attempts == [1, 2]
        assert [str(event.error)[:5] for event in history if event.kind == "AttemptFailed"] == [
            "Crash"
        ]


async def test_what_waits_for_a_thread_at_a_crash_holds_no_time_afterwards() -> None:
    began, through = threading.Event(), threading.Event()

    @activity
    def blocking(number: int) -> int:
        began.set()
        through.wait(10)
        return number

    @workflow(key=str)
    async def both(request: int) -> int:
        return sum(await asyncio.gather(blocking(1), blocking(2)))

    settings = EngineSettings(activity_threads=1)
    async with engine([both], settings=settings, patience_seconds=1.0) as opened:
        await opened.start(both, 1)
        await asyncio.to_thread(began.wait)
        await opened.crash()
        through.set()
        assert await opened.handle("both@1").result() == 3
        await opened.elapse(days=1)
