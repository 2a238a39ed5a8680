"""Another run of one key: when a start begins one, which run an id means, and how runs differ."""

import asyncio

import pytest

from perdure import (
    Busy,
    CancelledExecution,
    DeclarationError,
    DifferentRequest,
    Failure,
    activity,
    current_activity,
    workflow,
)
from perdure.domain.identity import Identity
from perdure.domain.states import Compensated, Running, Succeeded
from perdure.sagas.runs import run_meant
from tests.engine.places import Place
from tests.engine.shop import world

pytestmark = pytest.mark.every_python


class CardRefused(Failure):
    card: str


@activity
async def charge(card: str) -> str:
    await world.serve("charge", card)
    return current_activity().idempotency_key


@charge.compensate
async def refund(result: str | None, card: str) -> None:
    await world.serve("refund", card)


@activity(raises=[CardRefused])
async def confirm(card: str) -> None:
    await world.serve("confirm", card)


@workflow(key=lambda card: "o-1", raises=[CardRefused], run_again="after_failure")
async def pay(card: str) -> str:
    key = await charge(card)
    await confirm(card)
    return key


@workflow(key=lambda card: "o-1", name="pay", run_again="always")
async def pay_always(card: str) -> str:
    return await charge(card)


@workflow(key=lambda card: "o-1", name="pay")
async def pay_once(card: str) -> str:
    return await charge(card)


async def test_a_start_after_a_failure_is_the_next_run_with_keys_of_its_own(place: Place) -> None:
    world.fail("confirm", CardRefused(card="visa"), CardRefused(card="amex"))
    async with place.engine(pay) as engine:
        for number, card in enumerate(["visa", "amex"], 1):
            handle = await engine.start(pay, card)
            assert Identity.of(handle.id).run == number
            with pytest.raises(CardRefused, match=card):
                await handle.result(timeout=10)
        assert await engine.execute(pay, "master", timeout=10)
        assert await engine.execute(pay, "master", timeout=10)  # has succeeded: joined
        first = (await engine.handle("pay@o-1~1").history())[0]
        last = (await engine.handle("pay@o-1").history())[0]
        assert first.previous is None
        assert (last.arguments, last.previous) == ("master", "pay@o-1~2")
        with pytest.raises(DifferentRequest):
            await engine.start(pay, "visa")
    charges, refunds = world.of("charge"), world.of("refund")
    assert [call.given for call in charges] == [("visa",), ("amex",), ("master",)]
    assert [call.undoes for call in refunds] == [call.key for call in charges[:2]]
    assert len({call.key for call in (*charges, *refunds)}) == 5


async def test_an_id_without_a_run_means_the_last_one(place: Place) -> None:
    world.fail("confirm", CardRefused(card="visa"))
    gate = world.hold("charge")
    async with place.engine(pay) as engine:
        first = await engine.start(pay, "visa")
        waiting = asyncio.create_task(first.result(timeout=10))
        await gate.entered()
        joined = await engine.start(pay, "visa")
        assert joined.id == first.id == "pay@o-1"
        gate.open()
        with pytest.raises(CardRefused):
            await waiting
        gate = world.gates["charge"] = type(gate)()
        second = await engine.start(pay, "master")
        await gate.entered()
        assert second.id == "pay@o-1~2"
        assert await engine.handle("pay@o-1").status() == Running(("charge",))
        assert isinstance(await engine.handle("pay@o-1~1").status(), Compensated)
        await engine.handle("pay@o-1").cancel("by mistake")
        gate.open()
        for handle in (first, second, engine.handle("pay@o-1")):
            with pytest.raises(CancelledExecution, match="by mistake"):
                await handle.result(timeout=10)
        with pytest.raises(CardRefused):
            await engine.handle("pay@o-1~1").result(timeout=10)


async def test_always_runs_again_and_never_joins_whatever_the_end(place: Place) -> None:
    async with place.engine(pay_always) as engine:
        keys = {await engine.execute(pay_always, "visa", timeout=10) for _ in range(40)}
        assert len(keys) == 40
        assert (await engine.start(pay_always, "visa")).id == "pay@o-1~41"
        assert len(await engine.handle("pay@o-1~30").history()) == 4
    async with place.engine(pay_once) as engine:
        handle = await engine.start(pay_once, "visa")
        assert handle.id == "pay@o-1"
        assert await handle.result(timeout=10)
    assert len(world.of("charge")) == 41


async def test_of_concurrent_starts_after_an_end_one_begins_and_the_others_join(
    place: Place,
) -> None:
    # behaviour 34
    world.fail("confirm", CardRefused(card="visa"))
    async with place.engine(pay) as engine:
        with pytest.raises(CardRefused):
            await engine.execute(pay, "visa", timeout=10)
        starts = [engine.execute(pay, "master", timeout=10) for _ in range(20)]
        assert len(set(await asyncio.gather(*starts))) == 1
        assert isinstance(await engine.handle("pay@o-1~2").status(), Succeeded)
    assert len(world.of("charge")) == 2


async def test_the_next_run_survives_a_crash(place: Place) -> None:
    # behaviour 1
    world.fail("confirm", CardRefused(card="visa"))
    gate = world.hold("confirm")
    async with place.engine(pay) as engine:
        waiting = asyncio.create_task(engine.execute(pay, "visa", timeout=10))
        await gate.entered()
        gate.open()
        with pytest.raises(CardRefused):
            await waiting
        gate = world.gates["confirm"] = type(gate)()
        await engine.start(pay, "master")
        await gate.entered()
        left = place.crashed()
    world.release("confirm")
    async with left.engine(pay) as engine:
        assert (await engine.start(pay, "master")).id == "pay@o-1~2"
        assert await engine.handle("pay@o-1").result(timeout=10)
    assert len(world.of("charge")) == 2
    assert world.of("confirm")[-1].attempt == 2


async def test_busy_is_raised_for_the_next_run_but_not_for_what_is_joined(place: Place) -> None:
    @workflow(key=str)
    async def other(order_id: str) -> str:
        return await charge(order_id)

    async with place.engine(pay_always, other, max_in_flight=1) as engine:
        await engine.execute(pay_always, "visa", timeout=10)
        gate = world.hold("charge")
        await engine.start(other, "o-2")
        await gate.entered()
        with pytest.raises(Busy):
            await engine.start(pay_always, "visa", when_full="raise")
        assert await engine.start(other, "o-2", when_full="raise")
        gate.open()


async def test_the_last_of_many_runs_is_found_in_a_few_looks() -> None:
    class Index:
        def __init__(self, runs: int) -> None:
            self.ids = {str(Identity("pay", "o-1", run)) for run in range(1, runs + 1)}
            self.looks = 0

        async def rows(self, execution_ids: list[str]) -> dict[str, str]:
            self.looks += 1
            return {each: each for each in execution_ids if each in self.ids}

    for runs in (1, 2, 3, 4, 7, 100, 2_049, 2_050, 2_051, 9_999):
        index = Index(runs)
        run, row = await run_meant(index, "pay@o-1")  # type: ignore[arg-type]
        assert run == row == str(Identity("pay", "o-1", runs))
        assert index.looks <= 16
    assert await run_meant(Index(0), "pay@o-1") == ("pay@o-1", None)  # type: ignore[arg-type]
    assert await run_meant(Index(9), "pay@o-1~1") == ("pay@o-1", "pay@o-1")  # type: ignore[arg-type]


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'never', 'after_failure', 'always'"):

        @workflow(key=str, run_again="sometimes")  # type: ignore[arg-type]
        async def sometimes(order_id: str) -> None: ...
