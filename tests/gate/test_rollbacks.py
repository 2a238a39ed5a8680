"""What is being rolled back needs no body that fits: its compensations have to be there."""

import asyncio
from typing import Any

import pytest

from perdure import Activity, ExecutionParked, Failure, activity, open_engine, workflow
from perdure.sagas.examination import examine
from perdure.testing import History, assert_replays
from tests.gate.shop import histories


class HallGone(Failure):
    hall: str


@activity
async def book_hall(hall: str) -> str:
    return f"booking of {hall}"


@book_hall.compensate(raises=[HallGone])
async def give_hall_back(result: str | None, hall: str) -> None:
    raise HallGone(hall=hall)


@activity(raises=[HallGone])
async def invite(hall: str) -> None:
    raise HallGone(hall=hall)


@activity(name="book_hall")
async def book_for_good(hall: str) -> str:
    return ""


@activity(name="book_hall")
async def book_by_number(number: int) -> str:
    return ""


@book_by_number.compensate
async def give_number_back(result: str | None, number: int) -> None: ...


@workflow(key=str, raises=[HallGone])
async def celebrate(hall: str) -> None:
    await book_hall(hall)
    await invite(hall)


@workflow(key=str, name="celebrate", raises=[HallGone])
async def celebrate_elsewhere(hall: str) -> None:
    await invite(hall)


@pytest.fixture(scope="module")
def stuck() -> History:
    async def stick() -> History:
        async with open_engine("memory://celebrations", [celebrate]) as engine:
            with pytest.raises(ExecutionParked, match="stuck"):
                await engine.execute(celebrate, "blue")
        return (await histories("memory://celebrations", ["celebrate@blue"]))[0]

    return asyncio.run(stick())


def test_a_body_that_diverges_is_no_harm_where_its_undo_is_known(stuck: History) -> None:
    # behaviour 28
    assert_replays(celebrate, stuck)
    assert_replays(celebrate_elsewhere, stuck, activities=[book_hall])


@pytest.mark.parametrize(
    ("activities", "why"),
    [
        ([], "no activity named 'book_hall'"),
        ([book_for_good], "no compensation named 'book_hall.compensate'"),
        ([book_by_number], "what book_hall .* leaves to its compensation cannot be read"),
    ],
)
def test_an_undo_that_is_missing_or_cannot_take_what_is_recorded_is_told(
    stuck: History, activities: list[Activity[..., Any]], why: str
) -> None:
    # behaviours 10, 28
    with pytest.raises(AssertionError, match=why):
        assert_replays(celebrate_elsewhere, stuck, activities=activities)


def test_code_that_is_gone_is_told_with_where_to_keep_it(stuck: History) -> None:
    with pytest.raises(
        AssertionError, match=r"guard:     open_engine\(..., activities=\[book_hall"
    ):
        assert_replays(celebrate_elsewhere, stuck)


def test_two_activities_of_one_name_are_told_as_the_engine_would(stuck: History) -> None:
    before = list(stuck.events[:4])
    verdict = examine(celebrate, "celebrate@blue", before, {"book_hall": book_for_good})
    assert verdict.kind == "ambiguous"
    assert "two different activities are named 'book_hall'" in verdict.why
