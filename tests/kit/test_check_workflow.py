"""A saga with a bug is found, by the shortest schedule; one without holds; bad input is refused."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from perdure import Failure, Retry, activity, suspend, workflow
from perdure.testing import Ending, check_workflow
from tests.kit.shop import ForgetfulShop, GreedyShop, Shop, books_balance, purchase
from tests.kit.stories import ONE, REQUESTS, schedule_in, story_of


def test_a_saga_without_a_bug_holds_whatever_goes_wrong() -> None:
    # invariants I1-I10, I12-I14
    check_workflow(purchase, requests=REQUESTS, world=Shop, invariant=books_balance, examples=3)


def test_a_refund_that_forgets_a_lost_answer_is_found_by_the_shortest_schedule() -> None:
    story = story_of(purchase, requests=REQUESTS, world=ForgetfulShop, invariant=books_balance)
    assert story.startswith("purchase: books_balance raised AssertionError: 1 paid, 0 delivered")
    assert len(schedule_in(story).split(";")) == 2, story
    assert "⚡ it is done, and the process dies before it can say so" in story
    assert "charge_card (outcome unknown)" in story


def test_the_line_that_is_printed_shows_the_same_again() -> None:
    story = story_of(purchase, world=ForgetfulShop, invariant=books_balance)
    schedule = schedule_in(story)
    assert f'schedule="{schedule}", world=ForgetfulShop, invariant=books_balance)' in story
    again = story_of(purchase, schedule=schedule, world=ForgetfulShop, invariant=books_balance)
    assert again == story
    check_workflow(purchase, requests=ONE, schedule=schedule, world=Shop, invariant=books_balance)


def test_a_charge_without_its_key_is_found_by_one_fault() -> None:
    story = story_of(purchase, world=GreedyShop, invariant=books_balance)
    assert re.fullmatch(r"call 1: [^;]+", schedule_in(story))


def test_the_requests_are_made_as_simple_as_can_be() -> None:
    def no_large_ones(shop: Shop) -> bool:
        return sum(shop.charged.values()) < 30

    story = story_of(purchase, requests=REQUESTS, world=Shop, invariant=no_large_ones, examples=60)
    assert "no_large_ones does not hold" in story
    assert "that shows it: nothing goes wrong at all" in story
    assert "requests=[Purchase(order_id='0', euros=30)]" in story


def test_several_at_once_share_the_world() -> None:
    most = Counter[int]()

    def counted(shop: Shop, endings: Sequence[Ending]) -> None:
        most[len(endings)] += 1
        assert len({each.execution_id for each in endings}) == len(endings)
        books_balance(shop)

    check_workflow(
        purchase, requests=REQUESTS, world=Shop, invariant=counted, executions=3, examples=3
    )
    assert sum(most.values()) > 100


def test_an_invariant_is_told_how_each_has_ended() -> None:
    states = Counter[str]()

    def told(shop: Shop, endings: Sequence[Ending]) -> None:
        [ending] = endings
        states[ending.state] += 1
        assert (ending.error is None) == (ending.state == "succeeded")
        assert ending.history[0].kind == "ExecutionStarted"
        if ending.state == "succeeded":
            assert ending.result == "charge of 20 from 7"

    check_workflow(purchase, requests=ONE, world=Shop, invariant=told, examples=1)
    assert {"succeeded", "compensated", "cancelled"} <= states.keys()


class Body(BaseModel):
    key: str


@activity
async def look_up(key: str) -> int:
    return 1


BODY = [Body(key="1")]


def test_a_body_that_is_not_deterministic_is_found_without_any_fault() -> None:
    # behaviour 4
    @workflow(key="key")
    async def by_chance(request: Body) -> int:
        return await look_up(str(random.random()))

    story = story_of(by_chance, requests=BODY)
    assert "by_chance: a replay of the first" in story
    assert "that shows it: nothing goes wrong at all" in story


def test_a_body_that_reads_a_global_is_found() -> None:
    seen: list[str] = []

    @workflow(key="key")
    async def by_a_global(request: Body) -> int:
        seen.append(request.key)
        return await look_up(str(len(seen) % 2))

    assert "by_a_global: a replay of the first" in story_of(by_a_global, requests=BODY)


def test_a_defect_of_the_body_is_told_with_its_line() -> None:
    @workflow(key="key")
    async def broken(request: Body) -> int:
        found: dict[str, int] = {}
        return found[request.key]

    story = story_of(broken, requests=BODY)
    assert "broken: its body has a defect: KeyError: '1'" in story
    assert "return found[request.key]" in story


def test_a_fake_that_always_breaks_is_told_instead_of_tried_for_ever() -> None:
    class Broken(Shop):
        async def charge_card(self, euros: int) -> str:
            raise ZeroDivisionError("in the fake")

    story = story_of(purchase, world=Broken)
    assert "it never ends: charge_card is called again and again" in story
    assert "ZeroDivisionError('in the fake')" in story


def test_what_stays_suspended_is_told() -> None:
    @workflow(key="key")
    async def never_seen_to(request: Body) -> None:
        while True:
            await suspend("nobody answers")

    story = story_of(never_seen_to, requests=BODY)
    assert "it stays suspended, however often it is resumed: nobody answers" in story


def test_a_month_of_sleep_costs_nothing() -> None:
    # behaviour 68
    @workflow(key="key")
    async def sleepy(request: Body) -> int:
        await asyncio.sleep(30 * 24 * 3600)
        return await look_up(request.key)

    check_workflow(sleepy, requests=BODY, examples=1, most_faults=1)


class CannotUndo(Failure):
    why: str


@activity(raises=[CannotUndo])
async def book_room(key: str) -> str:
    return "room 3"


@book_room.compensate(raises=[CannotUndo])
async def cancel_room(result: str | None) -> None:
    raise CannotUndo(why="it is too late")


@activity(retry=Retry.fixed(1.0, attempts=2))
async def book_table(key: str) -> str:
    return "table 5"


@workflow(key="key")
async def evening(request: Body) -> str:
    return await book_room(request.key) + await book_table(request.key)


def test_what_cannot_be_undone_is_stuck_and_visible() -> None:
    # behaviour 23
    states = Counter[str]()

    def seen(world: object, endings: Sequence[Ending]) -> None:
        states[endings[0].state] += 1

    check_workflow(evening, requests=BODY, invariant=seen, examples=1)
    assert states["stuck"] > 0
    assert states["succeeded"] > 0

    def of_ended_ones(world: object) -> bool:
        return False

    assert "of_ended_ones does not hold" in story_of(
        evening, requests=BODY, invariant=of_ended_ones
    )
