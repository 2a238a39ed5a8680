"""What does not fit, is too large or forbidden: told at once, parked, nothing lost."""

import asyncio
import math
from itertools import count

import pytest

from perdure import (
    ExecutionParked,
    ForbiddenInBody,
    PayloadError,
    PayloadTooLarge,
    activity,
    workflow,
)
from perdure.domain.states import BlockedByCode
from tests.engine.places import Place, kinds
from tests.engine.shop import look_up, world

pytestmark = pytest.mark.every_python


@activity
async def weigh(parcel: str) -> float:
    await world.serve("weigh", parcel)
    return scales.pop(0)  # type: ignore[return-value]


@workflow(key=str)
async def weighed(order_id: str) -> float:
    return await weigh(order_id)


scales: list[object] = []


@pytest.mark.parametrize("misfit", ["three kilos", math.nan, None], ids=str)
async def test_a_result_that_does_not_fit_suspends_naming_activity_and_type(
    place: Place, misfit: object
) -> None:
    # behaviour 9
    scales[:] = [misfit, 3.5]
    async with place.engine(weighed) as engine:
        handle = await engine.start(weighed, "o-1")
        with pytest.raises(ExecutionParked) as parked:
            await handle.result(timeout=10)
        assert parked.value.state == "suspended"
        assert "weigh" in parked.value.reason
        assert "float" in parked.value.reason
        await handle.resume()
        assert await handle.result(timeout=10) == 3.5


async def test_an_argument_that_does_not_fit_raises_at_the_call(place: Place) -> None:
    # behaviour 9
    told: list[str] = []

    @workflow(key=str)
    async def wrong(order_id: str) -> str:
        try:
            await look_up(7)  # type: ignore[arg-type]
        except PayloadError as error:
            told.append(str(error))
        return "told"

    async with place.engine(wrong) as engine:
        assert await engine.execute(wrong, "o-1", timeout=10) == "told"
    assert "look_up" in told[0]
    assert "what" in told[0]


async def test_a_payload_over_two_megabytes_is_refused_wherever_it_appears(place: Place) -> None:
    # behaviour 9
    large = "x" * (2 * 1024 * 1024 + 1)

    @activity
    async def enlarge(what: str) -> str:
        return large

    @workflow(key=lambda request: request[:5])
    async def enlarged(request: str) -> str:
        match request[:3]:
            case "arg":
                return await look_up(large)
            case "res":
                return await enlarge("it")
            case _:
                return large

    async with place.engine(enlarged) as engine:
        with pytest.raises(PayloadTooLarge):
            await engine.start(enlarged, large)
        for case in ("arg-1", "res-1", "end-1"):
            with pytest.raises(ExecutionParked, match="2,097,152 are allowed"):
                await engine.execute(enlarged, case, timeout=10)
    assert world.calls == []


async def test_what_a_loop_cannot_repeat_suspends_with_that_reason(place: Place) -> None:
    @workflow(key=str)
    async def in_a_thread(order_id: str) -> None:
        await asyncio.to_thread(len, order_id)

    @workflow(key=str)
    async def over_a_socket(order_id: str) -> None:
        await asyncio.open_connection("localhost", 80)

    @workflow(key=str)
    async def in_a_process(order_id: str) -> None:
        await asyncio.create_subprocess_exec("true")

    async with place.engine(in_a_thread, over_a_socket, in_a_process) as engine:
        for each in (in_a_thread, over_a_socket, in_a_process):
            with pytest.raises(ExecutionParked, match="ForbiddenInBody") as parked:
                await engine.execute(each, "o-1", timeout=10)
            assert parked.value.state == "suspended"
            assert "do it in an activity" in parked.value.reason


async def test_a_body_sees_what_is_forbidden_as_an_error(memory: Place) -> None:
    @workflow(key=str)
    async def careful(order_id: str) -> str:
        try:
            await asyncio.to_thread(len, order_id)
        except ForbiddenInBody as error:
            return error.what
        return "allowed"

    async with memory.engine(careful) as engine:
        assert "run_in_executor" in await engine.execute(careful, "o-1", timeout=10)


async def test_a_body_that_never_waits_is_blocked_with_its_stack(memory: Place) -> None:
    # behaviour 12
    @workflow(key=str)
    async def spin(order_id: str) -> None:
        for _ in count():
            await asyncio.sleep(0)

    async with memory.engine(spin) as engine:
        with pytest.raises(ExecutionParked, match="did not come to rest") as parked:
            await engine.execute(spin, "o-1", timeout=10)
    assert parked.value.state == "blocked"
    assert "await asyncio.sleep(0)" in parked.value.reason


async def test_too_many_branches_at_once_block(memory: Place) -> None:
    @workflow(key=str)
    async def burst(order_id: str) -> None:
        await asyncio.gather(*(look_up(str(number)) for number in range(1_001)))

    async with memory.engine(burst) as engine:
        with pytest.raises(ExecutionParked, match="more than 1,000 requests at once"):
            await engine.execute(burst, "o-1", timeout=10)
        assert isinstance(await engine.handle("burst@o-1").status(), BlockedByCode)
    assert world.calls == []


async def test_one_that_is_blocked_does_not_hold_up_the_others(place: Place) -> None:
    # behaviour 10
    @workflow(key=str)
    async def mixed(order_id: str) -> str:
        if order_id == "o-3":
            for _ in count():
                await asyncio.sleep(0)
        return await look_up("price")

    async with place.engine(mixed) as engine:
        handles = [await engine.start(mixed, f"o-{number}") for number in range(6)]
        answers = await asyncio.gather(
            *(handle.result(timeout=10) for handle in handles), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [str, str, str, ExecutionParked, str, str]


async def test_a_result_today_s_type_cannot_read_blocks_and_is_kept(place: Place) -> None:
    # behaviour 10
    @activity(name="look_up")
    async def look_up_number(what: str) -> int:
        return 1

    @workflow(key=str, name="buy")
    async def before(order_id: str) -> str:
        return await look_up("price") + await look_up("door")

    @workflow(key=str, name="buy")
    async def after(order_id: str) -> str:
        return str(await look_up_number("price") + await look_up_number("door"))

    gate = world.hold("door")
    async with place.engine(before) as engine:
        handle = await engine.start(before, "o-1")
        await gate.entered()
        recorded = await kinds(handle)
        left = place.crashed()
    world.release("door")
    async with left.engine(after) as engine:
        with pytest.raises(ExecutionParked, match=r"the result of look_up \(request 1\)"):
            await engine.handle("buy@o-1").result(timeout=10)
        assert await kinds(engine.handle("buy@o-1")) == recorded
    async with left.engine(before) as engine:
        assert await engine.handle("buy@o-1").result(timeout=10) == "the pricethe door"
