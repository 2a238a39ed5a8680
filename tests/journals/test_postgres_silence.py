"""A server, or a way to it, that takes everything and says nothing: nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import psycopg
import pytest

from perdure.domain.errors import JournalUnavailable
from perdure.domain.identity import shard_of
from perdure.domain.journal import Journal
from perdure.infrastructure.news import News
from perdure.infrastructure.postgres import ear, schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.ear import Ear
from perdure.infrastructure.postgres.journal import PostgresJournal
from perdure.infrastructure.postgres.patience import Silent
from perdure.infrastructure.postgres.post_office import PostgresPostOffice
from tests.journals.envelopes import envelope
from tests.journals.patience import check_gapless, patiently, wait_until_blocked
from tests.journals.stores import PostgresStore
from tests.journals.submissions import lengths, payment, start, step
from tests.postgres.proxy import Proxy

A, B, C = payment(1), payment(2), payment(3)
SILENCE_SECONDS = 0.5
PATIENCE_SECONDS = 8
AT_LEAST = "connect_timeout=2"  # of what libpq waits for a connection; ours is a second more


@pytest.fixture
async def journal(server: PostgresStore, proxy: Proxy) -> AsyncIterator[Journal]:
    database = database_of(f"{proxy.url}?{AT_LEAST}&schema={server.schema}")
    journal = await PostgresJournal.open(database.with_patience(SILENCE_SECONDS), lease_seconds=1.5)
    yield journal
    proxy.heal()
    await journal.close()


async def test_a_flush_that_is_answered_into_the_void_is_read_back(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviours 51, 78
    assert await journal.append([start(A)]) == [True]
    proxy.swallow_replies()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(JournalUnavailable, match=r"has said nothing for 1.5 s"):
            await journal.append([step(A, 2), start(B)])
    proxy.heal()
    assert await patiently(journal, [step(A, 2), start(B)]) == [True, True]
    assert await patiently(journal, [step(B, 2), step(A, 4)]) == [True, True]
    assert await lengths(journal, A, B) == {A: 6, B: 4}
    check_gapless(server)


async def test_reads_give_up_and_the_next_one_succeeds(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 78
    await journal.append([start(A)])
    assert await lengths(journal, A) == {A: 2}
    proxy.swallow_replies()
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        with pytest.raises(JournalUnavailable):
            await journal.read([A])
    proxy.heal()
    assert await lengths(journal, A) == {A: 2}


async def test_a_client_is_told_and_goes_on_when_the_server_answers(
    server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 72
    database = database_of(f"{proxy.url}?{AT_LEAST}&schema={server.schema}")
    post_office = await PostgresPostOffice.open(database.with_patience(SILENCE_SECONDS))
    posted = envelope("e-1", A)
    proxy.swallow_replies()
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        with pytest.raises(JournalUnavailable, match="has said nothing"):
            await post_office.post([posted])
        with pytest.raises(JournalUnavailable):
            await post_office.waiting(A)
    proxy.heal()
    await post_office.post([posted])  # whoever posts again does so under the same id
    assert [each.id for each in await post_office.waiting(A)] == [posted.id]
    await post_office.close()


async def test_a_journal_closes_though_the_lease_cannot_be_asked_for(
    server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 78
    database = database_of(f"{proxy.url}?schema={server.schema}")
    journal = await PostgresJournal.open(database, lease_seconds=3)
    proxy.silence()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while journal.lease.held:
            await journal.lease.changed()
    async with asyncio.timeout(2):  # its thread waits for three seconds from now on
        await journal.close()
    assert not journal.lease.held


async def test_what_the_server_is_at_work_on_yet_is_settled_before_it_is_read_back(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 51
    await journal.append([start(A)])
    with psycopg.connect(server.database) as blocker:
        blocker.execute(
            f"INSERT INTO {server.schema}.executions "
            "VALUES (%s, %s, '', '', '', 0, 0, 0, '', '{}')",
            (shard_of(B), B),
        )
        batch = [step(A, 2), start(B)]
        appending = asyncio.ensure_future(journal.append(batch))
        await asyncio.to_thread(wait_until_blocked, server, 1, "perdure writer")
        proxy.cut()
        with pytest.raises(JournalUnavailable):
            await appending
        again = asyncio.ensure_future(patiently(journal, batch))
        await asyncio.to_thread(wait_until_blocked, server, 2, "perdure writer")
        blocker.rollback()
    assert await again == [True, True]
    assert await patiently(journal, [step(B, 2), start(C)]) == [True, True]
    assert await lengths(journal, A, B, C) == {A: 4, B: 4, C: 2}
    check_gapless(server)


def test_who_is_gone_in_the_middle_of_a_takeover_holds_nobody_up_for_long(
    server: PostgresStore,
) -> None:
    # behaviour 51
    database = database_of(server.url)
    with closing(database.connect("test")) as gone, closing(database.connect("test")) as other:
        schema.create(gone, database)
        assert gone.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("5s",)
        gone.execute("SET idle_in_transaction_session_timeout = '200ms'")
        gone.autocommit = False
        gone.execute(f"SELECT FROM {server.schema}.shard_lease FOR UPDATE")
        other.execute(f"UPDATE {server.schema}.shard_lease SET epoch = epoch")
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            gone.execute("SELECT")


def test_a_statement_that_takes_longer_than_the_patience_closes_its_connection(
    server: PostgresStore,
) -> None:
    database = database_of(server.url).with_patience(SILENCE_SECONDS)
    with closing(database.connect("test")) as connection:
        with pytest.raises(Silent, match=r"has said nothing for 0.5 s"):
            connection.execute("SELECT pg_sleep(20)")
        assert connection.closed


async def test_a_listener_to_whom_nothing_comes_any_more_connects_anew(
    server: PostgresStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 82
    monkeypatch.setattr(ear, "QUIET_LOOKS", 1)
    database = database_of(f"{proxy.url}?schema={server.schema}").with_patience(SILENCE_SECONDS)
    news = News()
    listener = Ear(database, ("mail",), lambda _: news.tell())
    await news.heard()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await news.heard()  # it listens
        proxy.swallow_replies()
        server.execute("SELECT pg_notify(%s, '')", (f"{server.schema}.mail",))
        assert await asyncio.to_thread(proxy.lost.wait, PATIENCE_SECONDS)
        proxy.swallows_no_more()
        await news.heard()  # it listens again
    listener.close()
