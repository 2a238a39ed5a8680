"""Another run of a key by a client's order, and the tags that it gives."""

import pytest
from msgspec import Raw

from perdure import (
    BadIdentity,
    CancelledExecution,
    Client,
    DifferentRequest,
    Failure,
    activity,
    connect,
    workflow,
)
from perdure.domain.identity import shard_of
from perdure.domain.mailbox import Envelope, StartOrder, encoded
from perdure.domain.states import Succeeded
from perdure.infrastructure.journals import open_post_office
from tests.engine.places import Place
from tests.engine.shop import world

PATIENCE_SECONDS = 10


class CardExpired(Failure):
    card: str


@activity(raises=[CardExpired])
async def charge(card: str) -> str:
    await world.serve("charge", card)
    return f"charge of {card}"


@workflow(key=lambda card: "o-1", raises=[CardExpired], run_again="after_failure")
async def pay_by_card(card: str) -> str:
    return await charge(card)


async def test_a_failed_order_is_ordered_again_whether_an_engine_runs_or_not(
    place: Place, client: Client
) -> None:
    world.fail("charge", CardExpired(card="visa"), CardExpired(card="amex"))
    async with place.engine(pay_by_card):
        with pytest.raises(CardExpired, match="visa"):
            await client.execute(pay_by_card, "visa", timeout=PATIENCE_SECONDS)
        with pytest.raises(CardExpired, match="amex"):
            await client.execute(pay_by_card, "amex", timeout=PATIENCE_SECONDS)
    handle = await client.start(pay_by_card, "master")
    async with place.engine(pay_by_card):
        assert await handle.result(timeout=PATIENCE_SECONDS) == "charge of master"
        assert await handle.status() == Succeeded()
        assert (await handle.history())[0].previous == "pay_by_card@o-1~2"
        first = client.handle("pay_by_card@o-1~1", pay_by_card)
        with pytest.raises(CardExpired, match="visa"):
            await first.result(timeout=PATIENCE_SECONDS)
        with pytest.raises(DifferentRequest):
            await client.execute(pay_by_card, "visa", timeout=PATIENCE_SECONDS)
    assert len({call.key for call in world.of("charge")}) == 3


async def test_an_order_to_a_run_waits_for_the_start_that_was_posted_before_it(
    place: Place, client: Client
) -> None:
    world.hold("charge")
    await client.start(pay_by_card, "visa")
    async with connect(place.url, reply_timeout=0) as hasty:
        with pytest.raises(TimeoutError):
            await hasty.handle("pay_by_card@o-1~1").cancel("by mistake")
    async with place.engine(pay_by_card):
        with pytest.raises(CancelledExecution, match="by mistake"):
            await client.handle("pay_by_card@o-1").result(timeout=PATIENCE_SECONDS)


async def test_the_tags_of_an_order_are_those_of_its_execution(
    place: Place, client: Client
) -> None:
    tags = {"customer": 'Zoë "Z" d\'Arc', "sales.channel-2": "web"}
    async with place.engine(pay_by_card):
        await client.execute(pay_by_card, "visa", tags=tags, timeout=PATIENCE_SECONDS)
    started = (await client.handle("pay_by_card@o-1").history())[0]
    assert started.tags == tags
    assert started.to_json()["tags"] == tags


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"two words": "x"}, "'two words'"),
        ({"customer": "line\nbreak"}, "printable"),
        ({"customer": ""}, "printable"),
        ({"customer": 7}, "is a str"),
        ({"customer": "x" * 256}, "longer than 255"),
        ({f"tag-{number}": "x" for number in range(21)}, "at most 20"),
        (["customer"], "a mapping"),
    ],
    ids=["name", "control", "empty", "number", "long", "many", "list"],
)
async def test_tags_that_could_not_be_found_again_are_refused(
    place: Place, client: Client, tags: dict[str, str], told: str
) -> None:
    async with place.engine(pay_by_card) as engine:
        for who in (client, engine):
            with pytest.raises(BadIdentity, match=told):
                await who.start(pay_by_card, "visa", tags=tags)
    assert not world.calls


async def test_bad_tags_of_a_foreign_order_are_answered_and_harm_nobody(
    place: Place, client: Client
) -> None:
    name = "pay_by_card@o-1"
    order = StartOrder(request=Raw(b'"visa"'), tags={"two words": "x"})
    office = await open_post_office(place.url)
    envelope = Envelope("e-1", shard_of(name), name, "start", encoded(order), 1)
    await office.post([envelope])
    async with place.engine(pay_by_card):
        assert await client.execute(pay_by_card, "visa", timeout=PATIENCE_SECONDS)
        [reply] = (await office.replies([envelope])).values()
    await office.close()
    assert b"BadIdentity" in reply
    assert b"two words" in reply


@workflow(key=lambda card: "o-1", name="pay_by_card", run_again="always")
async def pay_always(card: str) -> str:
    return await charge(card)


async def test_the_result_of_an_order_is_that_of_the_run_it_began_though_others_followed(
    place: Place, client: Client
) -> None:
    async with place.engine(pay_always):
        handles = []
        for card in ("visa", "amex", "master"):
            handles.append(await client.start(pay_always, card))
            await handles[-1].accepted()
            last = client.handle("pay_by_card@o-1", pay_always)
            assert await last.result(timeout=PATIENCE_SECONDS) == f"charge of {card}"
        for handle, card in zip(handles, ("visa", "amex", "master"), strict=True):
            assert await handle.result(timeout=PATIENCE_SECONDS) == f"charge of {card}"
