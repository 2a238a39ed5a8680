"""Handles of a client and of an engine are alike: the same orders, answers and errors."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from perdure import (
    CancelledExecution,
    CannotResolve,
    Client,
    ExecutionParked,
    Failure,
    Handle,
    UnknownCode,
    UnknownExecution,
    WorkflowEngine,
    suspend,
    workflow,
)
from perdure.domain.states import Cancelled, Stuck, Succeeded, Suspended
from tests.engine.places import Place, kinds
from tests.engine.shop import (
    ProcessPayment,
    find,
    look_up,
    process_payment,
    world,
)
from tests.engine.test_resolving import AccountClosed, buy

PATIENCE_SECONDS = 10

pytestmark = pytest.mark.every_python

Given: TypeAlias = Callable[[WorkflowEngine, Client, str], Handle[Any]]


def by_engine(engine: WorkflowEngine, client: Client, execution_id: str) -> Handle[Any]:
    return engine.handle(execution_id)


def by_client(engine: WorkflowEngine, client: Client, execution_id: str) -> Handle[Any]:
    workflow = next(each for each in KNOWN if execution_id.startswith(f"{each.name}@"))
    return client.handle(execution_id, workflow)


def by_client_without_code(engine: WorkflowEngine, client: Client, name: str) -> Handle[Any]:
    return client.handle(name)


@pytest.fixture(params=[by_engine, by_client, by_client_without_code], ids=lambda it: it.__name__)
def given(request: pytest.FixtureRequest) -> Given:
    found: Given = request.param
    return found


@workflow(key=str)
async def waits_for_somebody(order_id: str) -> str:
    await suspend("the address is unclear")
    return await look_up("price")


KNOWN = (process_payment, find, waits_for_somebody, buy)


async def test_of_an_execution_that_is_not_there_all_say_so(
    place: Place, client: Client, given: Given
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        handle = given(engine, client, "find@nobody")
        for asked in (
            handle.result(),
            handle.status(),
            handle.wait(),
            handle.history(),
            handle.plan(),
            handle.cancel(),
            handle.resume(),
            handle.resolve("retry"),
        ):
            with pytest.raises(UnknownExecution, match="find@nobody"):
                await asked


async def test_a_cancel_is_durable_when_it_returns_and_undoes_what_was_done(
    place: Place, client: Client, given: Given
) -> None:
    gate = world.hold("code")
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        await engine.start(process_payment, ProcessPayment(order_id="o-1"))
        await gate.entered()
        handle = given(engine, client, "process_payment@o-1")
        await handle.cancel("the customer called")
        assert "CancellationRequested" in await kinds(handle)
        gate.open()
        with pytest.raises(CancelledExecution, match="the customer called") as raised:
            await handle.result()
        assert "charge_credit_card" in raised.value.undone
        assert isinstance(await handle.status(), Cancelled)
        length = len(await handle.history())
        await handle.cancel("again")
        assert len(await handle.history()) == length
    assert world.times_done("refund") == 1


async def test_a_parked_one_is_told_and_goes_on_when_it_is_resumed(
    place: Place, client: Client, given: Given
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        await engine.start(waits_for_somebody, "o-1")
        handle = given(engine, client, "waits_for_somebody@o-1")
        with pytest.raises(ExecutionParked) as raised:
            await handle.result()
        assert (raised.value.state, raised.value.reason) == ("suspended", "the address is unclear")
        assert await handle.status() == Suspended("the address is unclear")
        patient = asyncio.create_task(handle.result(on_parked="wait"))
        await handle.resume("it is Mill Lane 3")
        assert await handle.result() == await patient == "the price"
        [resumed] = [e for e in await handle.history() if e.kind == "ExecutionResumed"]
        assert resumed.reason == "it is Mill Lane 3"
        await handle.resume("no effect")
        assert await handle.status() == Succeeded()


async def test_a_plan_needs_the_workflow_only_where_something_may_have_to_be_undone(
    place: Place, client: Client
) -> None:
    shipping = world.hold("ship")
    order = ProcessPayment(order_id="o-1")
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        await engine.start(process_payment, order)
        await shipping.entered()
        started = await client.start(find, "o-2")
        assert await started.result() == "the price"
        assert await client.handle("find@o-2").plan() == []
        total = world.hold("total")
        await engine.start(process_payment, ProcessPayment(order_id="o-3"))
        await total.entered()
        assert await client.handle("process_payment@o-3").plan() == []
        with pytest.raises(UnknownCode, match=r"client\.handle\('process_payment@o-1', workflow\)"):
            await client.handle("process_payment@o-1").plan()
        assert len(await client.handle("process_payment@o-1", process_payment).plan()) == 2
        shipping.open()
        total.open()


async def test_a_stuck_one_is_resolved(place: Place, client: Client, given: Given) -> None:
    world.fail("pay back", AccountClosed(account="second"))
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        await engine.start(buy, "o-1")
        handle = given(engine, client, "buy@o-1")
        with pytest.raises(ExecutionParked, match="stuck"):
            await handle.result()
        assert isinstance(await handle.status(), Stuck)
        plan = await handle.plan()
        assert [(undo.arguments["account"], undo.done) for undo in plan] == [
            ("second", False),
            ("first", False),
        ]
        with pytest.raises(ValueError, match="needs a reason"):
            await handle.resolve("skip")
        with pytest.raises(CannotResolve, match="the arguments do not fit"):
            await handle.resolve("replace", arguments={"account": 7})
        assert isinstance(await handle.status(), Stuck)
        await handle.resolve("by_hand", reason="the bank has done it")
        with pytest.raises(Failure, match="lamp"):  # without code a plain one, if its name is not
            await handle.result()  # that of one class alone
        with pytest.raises(CannotResolve, match="it has ended"):
            await handle.resolve("retry")


async def test_states_are_waited_for(place: Place, client: Client, given: Given) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), place.engine(*KNOWN) as engine:
        await engine.start(waits_for_somebody, "o-1")
        handle = given(engine, client, "waits_for_somebody@o-1")
        state = await handle.wait(states=("suspended", "stuck"))
        assert state == Suspended("the address is unclear")
        with pytest.raises(TimeoutError):
            await handle.wait(timeout=0.05)
        ending = asyncio.create_task(handle.wait())
        other = asyncio.create_task(handle.wait(states=["stuck"]))  # told of any end
        await handle.resume()
        assert await ending == await other == Succeeded()
        assert await handle.wait() == Succeeded()
        for wrong in ("stuck", ["asleep"]):
            with pytest.raises(ValueError, match="give words among running, waiting"):
                await handle.wait(states=wrong)


async def test_a_result_that_is_not_there_in_time_is_not_waited_for(
    place: Place, client: Client, given: Given
) -> None:
    world.hold("price")
    async with place.engine(*KNOWN) as engine:
        await engine.start(find, "o-1")
        with pytest.raises(TimeoutError):
            await given(engine, client, "find@o-1").result(timeout=0.05)


async def test_a_handle_that_started_nothing_is_accepted_at_once(
    place: Place, client: Client, given: Given
) -> None:
    async with place.engine(*KNOWN) as engine:
        assert await given(engine, client, "find@o-1").accepted() is None
