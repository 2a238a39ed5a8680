"""The requests of one feed are concurrent: a replay may make them in another order."""

import asyncio
import random

import pytest
from msgspec import Raw

from perdure import workflow
from perdure.domain import events
from perdure.domain.events import Event
from perdure.sagas.replay import replay
from perdure.sagas.requests import ActivityRequest
from tests.engine.shop import look_up

pytestmark = pytest.mark.every_python
ARTICLES = ("book", "lamp", "pen", "cup")
order = list(ARTICLES)


@workflow(key=str)
async def look_at_all(order_id: str) -> list[str]:
    """As today's order has it; the code does not say which."""

    async def look(article: str) -> str:
        return await look_up(article) + await look_up(f"{article} again")

    async with asyncio.TaskGroup() as group:
        tasks = {article: group.create_task(look(article)) for article in order}
        group.create_task(asyncio.sleep(len(order)))
    return [tasks[article].result() for article in ARTICLES]


def history(first: tuple[str, ...], answered: tuple[str, ...]) -> list[Event]:
    """Asked for in one order, answered in another; each answer is followed by the next request."""
    begun = Raw(look_at_all.encode_request("o-1")[0])
    stream: list[Event] = [events.ExecutionStarted(time=1_000_000, request=begun, code="c")]
    for ordinal, article in enumerate(first, 1):
        stream.append(started(ordinal, article, feed=1, among=len(first) + 1))
    due = 1_000_000 + len(first) * 1_000_000
    timer = events.TimerSet(
        time=1_000_000, ordinal=len(first) + 1, due=due, feed=1, among=len(first) + 1
    )
    stream.append(timer)
    for number, article in enumerate(answered):
        stream.append(succeeded(first.index(article) + 1, f"the {article}"))
        feed = len(stream)
        stream.append(started(len(first) + 2 + number, f"{article} again", feed=feed, among=1))
    return stream


def started(ordinal: int, article: str, *, feed: int, among: int) -> Event:
    return events.ActivityStarted(
        time=1_000_000,
        ordinal=ordinal,
        activity="look_up",
        attempt=1,
        arguments=Raw(f'{{"what":"{article}"}}'.encode()),
        feed=feed,
        among=among,
        code="c",
    )


def succeeded(ordinal: int, answer: str) -> Event:
    result = Raw(f'"{answer}"'.encode())
    return events.ActivitySucceeded(time=1_000_000, ordinal=ordinal, attempt=1, result=result)


@pytest.mark.parametrize("seed", range(40))
def test_a_replay_matches_the_requests_of_a_feed_in_any_order(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviours 4, 5
    shuffled = random.Random(seed)
    recorded, answered = (
        tuple(shuffled.sample(ARTICLES, 4)),
        tuple(shuffled.sample(ARTICLES, shuffled.randint(0, 4))),
    )
    monkeypatch.setattr("tests.races.test_orders.order", shuffled.sample(ARTICLES, 4))
    replayed = replay(look_at_all, "look_at_all@o-1", "o-1", history(recorded, answered), {})
    waiting = {
        ordinal: request.arguments
        for ordinal, request in replayed.body.open.items()
        if isinstance(request, ActivityRequest)
    }
    assert replayed.body.dismiss()
    assert not replayed.unrecorded
    expected = {
        recorded.index(article) + 1: article for article in recorded if article not in answered
    }
    expected |= {6 + number: f"{article} again" for number, article in enumerate(answered)}
    assert waiting == {o: f'{{"what":"{article}"}}'.encode() for o, article in expected.items()}
