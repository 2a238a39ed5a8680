"""The recorded winner wins again, whoever would be first now; losers are undone, once."""

import asyncio
import itertools
from decimal import Decimal

import pytest

from perdure import Failure, Workflow, workflow
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.engine.places import Camera, Place, engine_in, kinds, turn
from tests.engine.shop import (
    OutOfStock,
    charge_credit_card,
    create_tracking_code,
    look_up,
    send_order_to_shipping,
    world,
)

pytestmark = pytest.mark.every_python
CONTESTANTS = ("book", "lamp", "pen")


@workflow(key=str)
async def by_wait(order_id: str) -> str:
    tasks = [asyncio.create_task(look_up(article)) for article in CONTESTANTS]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    winner = done.pop().result()
    await look_up("checkpoint")
    return winner


@workflow(key=str)
async def by_as_completed(order_id: str) -> str:
    tasks = [asyncio.create_task(look_up(article)) for article in CONTESTANTS]
    winner = await next(iter(asyncio.as_completed(tasks)))
    for task in tasks:
        task.cancel()
    await look_up("checkpoint")
    return winner


@workflow(key=str)
async def by_group(order_id: str) -> str:
    """The first to come cancels its siblings, by a failure that is caught."""
    found: list[str] = []

    async def look(article: str) -> None:
        found.append(await look_up(article))
        raise Failure("found")

    try:
        async with asyncio.TaskGroup() as group:
            for article in CONTESTANTS:
                group.create_task(look(article))
    except* Failure:
        await look_up("checkpoint")
    return found[0]


@pytest.mark.parametrize("race", [by_wait, by_as_completed, by_group], ids=lambda race: race.name)
@pytest.mark.parametrize("winner", CONTESTANTS)
async def test_the_recorded_winner_wins_again_although_others_would_be_first_now(
    race: Workflow[str, str], winner: str, place: Place
) -> None:
    # behaviours 5, 6
    for article in CONTESTANTS:
        if article != winner:
            world.hold(article)
    checkpoint = world.hold("checkpoint")
    async with place.engine(race) as engine:
        handle = await engine.start(race, "o-1")
        await checkpoint.entered()
        left = place.crashed()
    world.gates.clear()
    world.hold(winner)
    async with left.engine(race) as engine:
        handle = engine.handle(f"{race.name}@o-1")
        assert await handle.result(timeout=10) == f"the {winner}"
        recorded = await kinds(handle)
    assert recorded.count("ActivityAbandoned") == 2
    assert [len(world.of(article)) for article in CONTESTANTS] == [1, 1, 1]


@workflow(key=str)
async def buy_from_the_quickest(order_id: str) -> str:
    code = asyncio.create_task(create_tracking_code("Mill Lane 3"))
    price = asyncio.create_task(look_up("price"))
    done, waiting = await asyncio.wait([code, price], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return done.pop().result()


async def test_a_loser_in_flight_is_undone_once_whatever_commit_the_process_dies_at() -> None:
    # behaviours 6, 21, 22
    camera = Camera()
    world.hold("code")
    async with engine_in(camera.journal, buy_from_the_quickest) as engine:
        assert await engine.execute(buy_from_the_quickest, "o-1", timeout=10) == "the price"
    decided = [p for p in camera.pictures if any(r.topic == "ActivityAbandoned" for r in p.events)]
    assert len(decided) > 1
    for picture in decided:
        world.empty()
        journal = MemoryJournal(picture)
        async with engine_in(journal, buy_from_the_quickest) as engine:
            handle = engine.handle("buy_from_the_quickest@o-1")
            assert await handle.result(timeout=10) == "the price"
            assert (await kinds(handle)).count("ActivityCompensated") == 1
        assert world.of("code") == []
        assert len(world.of("void")) <= 1


async def test_the_loser_of_a_race_that_was_done_just_before_is_kept_when_all_succeeds(
    place: Place,
) -> None:
    # behaviour 6
    @workflow(key=str)
    async def both(order_id: str) -> list[str]:
        tasks = [
            asyncio.create_task(create_tracking_code("Mill Lane 3")),
            asyncio.create_task(look_up("price")),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return list(await asyncio.gather(*tasks))

    async with place.engine(both) as engine:
        answers = await engine.execute(both, "o-1", timeout=10)
    assert answers == ["code for Mill Lane 3", "the price"]
    assert world.of("void") == []


@pytest.mark.parametrize("how", ["gather", "group", "wait"])
async def test_started_branches_are_all_rolled_back_when_one_fails(place: Place, how: str) -> None:
    # behaviours 21, 30
    @workflow(key=str, raises=[OutOfStock])
    async def buy(order_id: str) -> None:
        parts = (
            charge_credit_card("visa-token", Decimal(12)),
            create_tracking_code("Mill Lane 3"),
            send_order_to_shipping(order_id, "code-7"),
        )
        if how == "gather":
            await asyncio.gather(*parts)
        elif how == "group":
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(wait_for(part))
        else:
            tasks = [asyncio.ensure_future(part) for part in parts]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()

    async def wait_for(part: object) -> None:
        await part  # type: ignore[misc]

    world.hold("charge")
    world.fail("ship", OutOfStock(sku="A-1"))
    async with place.engine(buy) as engine:
        with pytest.raises(OutOfStock):
            await engine.execute(buy, "o-1", timeout=10)
    undone = {call.step: call.given[0] for call in world.calls if call.undoes}
    assert undone.keys() == {"refund", "void"}
    assert undone["refund"] is None
    undoes = {call.undoes for call in world.calls if call.undoes}
    assert undoes == {call.key for call in [*world.of("charge"), *world.of("code")]}


async def test_a_second_cancel_of_a_loser_has_no_effect(place: Place) -> None:
    # behaviour 6
    @workflow(key=str)
    async def insist(order_id: str) -> str:
        task = asyncio.create_task(look_up("slow"))
        await look_up("price")
        for _ in range(3):
            task.cancel()
            await asyncio.wait([task])
        return await look_up("code")

    world.hold("slow")
    async with place.engine(insist) as engine:
        handle = await engine.start(insist, "o-1")
        assert await handle.result(timeout=10) == "the code"
        recorded = await kinds(handle)
    assert recorded.count("ActivityAbandoned") == 1


async def test_every_order_of_two_answers_replays_as_it_was() -> None:
    # behaviours 4, 5
    for first, second in itertools.permutations(("book", "lamp")):
        world.empty()
        camera = Camera()
        gates = {article: world.hold(article) for article in ("book", "lamp")}

        @workflow(key=str)
        async def in_their_order(order_id: str) -> list[str]:
            tasks = [asyncio.create_task(look_up(article)) for article in ("book", "lamp")]
            return [await each for each in asyncio.as_completed(tasks)]

        async with engine_in(camera.journal, in_their_order) as engine:
            handle = await engine.start(in_their_order, "o-1")
            await asyncio.gather(*(gate.entered() for gate in gates.values()))
            gates[first].open()
            while world.times_done(first) == 0:
                await turn()
            gates[second].open()
            expected = await handle.result(timeout=10)
        world.gates.clear()
        assert expected == [f"the {first}", f"the {second}"]
        one_known = [p for p in camera.pictures if topics(p.events).count("ActivitySucceeded") == 1]
        for picture in one_known:
            async with engine_in(MemoryJournal(picture), in_their_order) as engine:
                assert await engine.handle("in_their_order@o-1").result(timeout=10) == expected


def topics(rows: list[object]) -> list[str]:
    return [row.topic for row in rows]  # type: ignore[attr-defined]
