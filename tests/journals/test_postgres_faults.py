"""What a journal on PostgreSQL says when the server, or the way to it, fails; and that it heals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing

import pytest

from perdure.domain.errors import JournalError, JournalUnavailable, LostLease
from perdure.domain.journal import Journal, Scan
from perdure.infrastructure.postgres.address import database_of
from tests.journals.patience import PATIENCE_SECONDS, check_gapless, patiently
from tests.journals.stores import PostgresStore
from tests.journals.submissions import change, lengths, payment, start, step
from tests.postgres.proxy import Proxy
from tests.postgres.server import Server

A, B, C = payment(1), payment(2), payment(3)


@pytest.fixture
async def journal(server: PostgresStore, proxy: Proxy) -> AsyncIterator[Journal]:
    """One that reaches its server by the proxy."""
    journal = await PostgresStore(proxy.url, server.schema).open()
    yield journal
    proxy.heal()
    await journal.close()


async def test_a_flush_whose_answer_was_lost_is_read_back(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviours 1, 51
    await journal.append([start(A), start(C)])
    proxy.lose_reply(B.encode())
    batch = [start(C), start(B), step(A, 2), change(A, state="stuck")]
    with pytest.raises(JournalUnavailable, match="connection was lost"):
        await journal.append(batch)
    assert proxy.lost.is_set()
    proxy.heal()
    assert await patiently(journal, batch) == [False, True, True, True]
    assert await journal.append([step(B, 2), step(A, 4)]) == [True, True]
    assert await lengths(journal, A, B) == {A: 6, B: 4}
    assert (await journal.rows([A]))[A].state == "stuck"
    check_gapless(server)


async def test_a_flush_that_never_arrived_is_stored_when_it_is_tried_again(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 51
    await journal.append([start(A), start(C)])
    proxy.lose_request(B.encode())
    batch = [start(C), start(B), step(A, 2)]
    with pytest.raises(JournalUnavailable):
        await journal.append(batch)
    proxy.heal()
    assert await patiently(journal, batch) == [False, True, True]
    assert await lengths(journal, A, B) == {A: 4, B: 2}
    check_gapless(server)


async def test_another_flush_after_one_in_doubt_goes_its_own_way(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    await journal.append([start(A)])
    proxy.lose_reply(B.encode())
    with pytest.raises(JournalUnavailable):
        await journal.append([start(B)])
    proxy.heal()
    assert await patiently(journal, [step(A, 2), start(B), start(C)]) == [True, False, True]
    assert await lengths(journal, A, B, C) == {A: 4, B: 2, C: 2}
    check_gapless(server)


async def test_a_network_that_is_away_for_a_while_loses_nothing(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 51
    await journal.append([start(A)])
    proxy.refuse()
    proxy.cut()
    for use in (journal.append([step(A, 2)]), journal.read([A]), journal.scan(Scan())):
        with pytest.raises(JournalError):
            await use
    proxy.heal()
    assert await patiently(journal, [step(A, 2)]) == [True]
    assert await lengths(journal, A) == {A: 4}
    check_gapless(server)


async def test_each_connection_that_is_ended_comes_back(
    journal: Journal, server: PostgresStore
) -> None:
    # behaviour 51
    await journal.append([start(A)])
    assert await lengths(journal, A) == {A: 2}
    for name in ("writer", "reader", "lease", "hints"):
        [(ended,)] = server.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            f"WHERE starts_with(application_name, 'perdure {name}') "
            "AND datname = current_database()"
        )
        assert ended, name
    assert await lengths(journal, A) == {A: 2}
    assert await patiently(journal, [step(A, 2)]) == [True]
    check_gapless(server)


async def test_a_flush_of_an_owner_that_was_taken_over_is_fenced(
    journal: Journal, server: PostgresStore
) -> None:
    # behaviour 49
    await journal.append([start(A)])
    server.execute("UPDATE runner SET expires_at = clock_timestamp()")
    other = await server.open()
    with pytest.raises(LostLease):
        await journal.append([step(A, 2)])
    assert not journal.lease.held
    assert await other.append([step(A, 2)]) == [True]
    assert await lengths(journal, A) == {A: 4}
    await other.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not journal.lease.held:
            await journal.lease.changed()
    assert await journal.append([step(A, 4)]) == [True]
    epochs = server.execute("SELECT DISTINCT epoch FROM events ORDER BY 1")
    assert epochs == [(1,), (2,), (3,)]
    check_gapless(server)


async def test_a_lease_that_cannot_be_renewed_is_given_up_before_it_ends(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviours 49, 78
    await journal.append([start(A)])
    proxy.silence()
    other = asyncio.create_task(server.open())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while journal.lease.held:
            await journal.lease.changed()
        assert not other.done()  # a third of its time is left
        second = await other
    assert await second.append([step(A, 2)]) == [True]
    await second.close()
    proxy.heal()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not journal.lease.held:
            await journal.lease.changed()
    assert await patiently(journal, [step(A, 4)]) == [True]
    check_gapless(server)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_isolation", "repeatable read"),
        ("synchronous_commit", "off"),
    ],
)
async def test_what_the_server_is_set_to_does_not_weaken_it(
    postgres_server: Callable[..., Server], setting: str, value: str
) -> None:
    # behaviour 49
    server = postgres_server(**{setting: value})
    store = PostgresStore(server.url())
    journal = await store.open()
    assert await journal.append([start(A), start(B)]) == [True, True]
    with closing(database_of(store.url).connect("test")) as connection:
        assert connection.execute(f"SHOW {setting}").fetchone() in (("read committed",), ("on",))
    await journal.close()
    store.close()


async def test_a_server_that_crashes_takes_nothing_with_it(
    postgres_server: Callable[..., Server],
) -> None:
    # behaviour 51
    server = postgres_server(fsync="on")
    store = PostgresStore(server.url())
    journal = await store.open()
    await journal.append([start(A)])
    server.restart("immediate")
    assert await patiently(journal, [step(A, 2)]) == [True]
    assert await lengths(journal, A) == {A: 4}
    check_gapless(store)
    await journal.close()
    store.close()
