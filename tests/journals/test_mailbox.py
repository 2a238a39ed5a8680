"""What every journal promises of its mailbox: posted once, in order, settled with its events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from perdure.domain.errors import JournalError, VersionConflict
from perdure.domain.journal import Journal
from perdure.domain.mailbox import KEPT_SECONDS, Envelope
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.errors import JournalClosed
from tests.journals.envelopes import envelope, settlement, settling
from tests.journals.stores import Store
from tests.journals.submissions import NOON, lengths, payment, row, start, step

pytestmark = pytest.mark.every_python

A, B, C = payment(1), payment(2), payment(3)
FIRST, SECOND, THIRD = envelope("e1", A), envelope("e2", B, "start"), envelope("e3", A, "resume")
PATIENCE_SECONDS = 10


@pytest.fixture
async def office(store: Store) -> AsyncIterator[PostOffice]:
    office = await store.post_office()
    yield office
    await office.close()


def without_arrival(found: list[Envelope]) -> list[Envelope]:
    arrivals = [each.arrival for each in found]
    assert arrivals == sorted(set(arrivals))
    assert 0 not in arrivals
    return [replace(each, arrival=0) for each in found]


async def names(journal: Journal) -> list[str]:
    return [each.id for each in await journal.envelopes()]


async def test_what_is_posted_is_read_as_it_was_in_the_order_of_posting(
    office: PostOffice, journal: Journal
) -> None:
    await office.post([SECOND, FIRST])
    await office.post([THIRD])
    found = await journal.envelopes()
    assert without_arrival(found) == [SECOND, FIRST, THIRD]
    assert await journal.envelopes(limit=2) == found[:2]
    assert await journal.envelopes(after=found[0].arrival) == found[1:]
    assert await office.waiting(A) == found[1:]


async def test_it_is_posted_while_no_engine_has_the_journal(store: Store) -> None:
    for name in ("e1", "e2"):
        office = await store.post_office()
        await office.post([envelope(name, A)])
        assert await office.rows([A]) == {}
        await office.close()
    journal = await store.open()
    assert await names(journal) == ["e1", "e2"]
    await journal.close()


async def test_the_same_id_again_changes_nothing(office: PostOffice, journal: Journal) -> None:
    # behaviour 36
    await office.post([FIRST])
    await office.post([replace(FIRST, body=b"{}"), SECOND])
    assert without_arrival(await journal.envelopes()) == [FIRST, SECOND]
    await journal.append([settling(FIRST)])
    await office.post([FIRST])
    assert await names(journal) == ["e2"]
    assert await office.replies([FIRST, SECOND]) == {"e1": b'{"type":"taken"}'}


async def test_it_is_settled_with_what_follows_from_it(
    office: PostOffice, journal: Journal
) -> None:
    await office.post([FIRST, SECOND])
    await journal.append([replace(start(A), settles=[settlement(FIRST, b'"caf\xc3\xa9"')])])
    assert await names(journal) == ["e2"]
    assert await office.replies([FIRST, SECOND]) == {"e1": b'"caf\xc3\xa9"'}
    assert await office.rows([A, B]) == {A: row(A)}
    assert (await office.read([A])).keys() == {A}


async def test_what_is_not_stored_settles_nothing(office: PostOffice, journal: Journal) -> None:
    await office.post([FIRST, SECOND])
    await journal.append([start(A)])
    refused = replace(start(A), settles=[settlement(FIRST)])
    assert await journal.append([refused, start(B)]) == [False, True]
    with pytest.raises(VersionConflict):
        await journal.append([settling(SECOND), step(B, 6)])
    assert await names(journal) == ["e1", "e2"]


@pytest.mark.parametrize(
    "settles",
    [[FIRST], [envelope("e9", A)], [SECOND, SECOND]],
    ids=["settled before", "never posted", "twice in one"],
)
async def test_it_is_settled_exactly_once(
    office: PostOffice, journal: Journal, settles: list[Envelope]
) -> None:
    await office.post([FIRST, SECOND, THIRD])
    await journal.append([start(A), settling(FIRST)])
    again = replace(step(A, 2), settles=[settlement(each, b'"again"') for each in settles])
    with pytest.raises(VersionConflict) as raised:
        await journal.append([start(C), settling(THIRD), again])
    assert raised.value.execution_id == A
    assert await lengths(journal, A, C) == {A: 2}
    assert await names(journal) == ["e2", "e3"]
    assert await office.replies([FIRST]) == {"e1": b'{"type":"taken"}'}


async def test_settled_ones_are_deleted_when_they_are_old(
    office: PostOffice, journal: Journal
) -> None:
    week = KEPT_SECONDS * 1_000_000
    await office.post([FIRST, SECOND, THIRD])
    old, young = settlement(FIRST, settled=NOON), settlement(THIRD, settled=NOON + week)
    await journal.append([replace(settling(FIRST), settles=[old, young])])
    assert await journal.forget(NOON) == 0
    assert await journal.forget(NOON + 1) == 1
    assert await journal.forget(NOON + 1) == 0
    assert (await office.replies([FIRST, SECOND, THIRD])).keys() == {"e3"}
    assert await names(journal) == ["e2"]


async def test_the_owner_hears_of_what_is_posted(office: PostOffice, journal: Journal) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await journal.mail()
        for name in ("e1", "e2"):
            heard = asyncio.create_task(hears(journal, name))
            await office.post([envelope(name, A)])
            await heard
            assert name in await names(journal)


async def hears(journal: Journal, name: str) -> None:
    while name not in await names(journal):
        await journal.mail()


async def test_a_client_hears_of_what_is_appended(office: PostOffice, journal: Journal) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        for name in (A, B):
            heard = asyncio.create_task(hears_row(office, name))
            await journal.append([start(name)])
            await heard
            assert await office.rows([name]) == {name: row(name)}


async def hears_row(office: PostOffice, execution_id: str) -> None:
    while not await office.rows([execution_id]):
        await office.changed()


async def test_many_at_once_are_all_stored(office: PostOffice, journal: Journal) -> None:
    posts = [[envelope(f"e{number}-{each}", A) for each in range(9)] for number in range(30)]
    await asyncio.gather(*map(office.post, posts))
    assert len(await journal.envelopes()) == 270
    await journal.append([settling(*await journal.envelopes())])
    assert len(await office.replies([one for post in posts for one in post])) == 270


async def test_a_closed_client_says_so(store: Store) -> None:
    office = await store.post_office()
    await office.close()
    await office.close()
    for use in (
        office.post([FIRST]),
        office.replies([FIRST]),
        office.waiting(A),
        office.read([A]),
        office.rows([A]),
        office.changed(),
    ):
        with pytest.raises(JournalClosed, match="closed"):
            await use


async def test_a_closed_journal_has_no_mailbox(store: Store) -> None:
    journal = await store.open()
    await journal.close()
    for use in (journal.envelopes(), journal.forget(NOON)):
        with pytest.raises(JournalClosed, match="closed"):
            await use


async def test_a_visitor_settles_and_deletes_nothing(
    office: PostOffice, journal: Journal, store: Store
) -> None:
    await office.post([FIRST])
    visitor = await store.open(read_only=True)
    assert await names(visitor) == ["e1"]
    for change in (visitor.append([settling(FIRST)]), visitor.forget(NOON)):
        with pytest.raises(JournalError, match="read-only"):
            await change
    await visitor.close()
    assert await names(journal) == ["e1"]
