"""What every journal promises of its life: one engine at a time, ends, and beginning again."""

import asyncio
import gc
import threading

import pytest

from perdure.domain.errors import JournalError, JournalInUse, NotAJournal
from perdure.domain.journal import Journal, Scan
from perdure.infrastructure.errors import JournalClosed
from tests.journals.stores import Store
from tests.journals.submissions import lengths, payment, row, start, step

pytestmark = pytest.mark.every_python

A, B = payment(1), payment(2)


# behaviour 85
async def test_what_was_appended_is_there_when_it_is_opened_again(store: Store) -> None:
    journal = await store.open()
    await journal.append([start(A), step(A, 2)])
    await journal.close()
    again = await store.open()
    assert await lengths(again, A) == {A: 4}
    assert await again.rows([A]) == {A: row(A)}
    assert await again.append([start(A), step(A, 4)]) == [False, True]
    await again.close()


async def test_closing_is_idempotent_and_lets_the_next_engine_in(store: Store) -> None:
    for _ in range(3):
        journal = await store.open()
        assert await journal.scan(Scan()) == []
        await journal.close()
        await journal.close()


async def test_a_second_engine_is_told_who_has_the_journal(journal: Journal, store: Store) -> None:
    await journal.append([start(A)])
    if store.waits:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.open(), 0.3)
        assert await journal.append([step(A, 2)]) == [True]
        return
    with pytest.raises(JournalInUse, match="another engine") as raised:
        await store.open()
    assert store.url.rpartition("/")[2] in str(raised.value)
    assert await journal.append([step(A, 2)]) == [True]


async def test_a_closed_journal_says_so(store: Store) -> None:
    journal = await store.open()
    await journal.close()
    for use in (
        journal.append([start(A)]),
        journal.read([A]),
        journal.rows([A]),
        journal.scan(Scan()),
    ):
        with pytest.raises(JournalClosed, match="closed"):
            await use


async def test_what_was_asked_before_closing_is_done(store: Store) -> None:
    journal = await store.open()
    async with asyncio.TaskGroup() as group:
        appends = [group.create_task(journal.append([start(payment(n))])) for n in range(20)]
        await asyncio.sleep(0)
        group.create_task(journal.close())
    assert [task.result() for task in appends] == [[True]] * 20
    again = await store.open()
    assert len(await again.read([payment(number) for number in range(20)])) == 20
    await again.close()


async def test_an_append_whose_caller_went_away_is_whole(journal: Journal) -> None:
    task = asyncio.create_task(journal.append([start(A), start(B)]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.append([])
    assert len(await journal.read([A, B])) in (0, 2)


async def test_read_only_it_shows_what_an_engine_has_stored(journal: Journal, store: Store) -> None:
    await journal.append([start(A)])
    visitor = await store.open(read_only=True)
    assert await visitor.rows([A]) == {A: row(A)}
    await journal.append([step(A, 2)])
    assert await lengths(visitor, A) == {A: 4}
    with pytest.raises(JournalError, match="read-only"):
        await visitor.append([step(A, 4)])
    await visitor.close()
    assert await journal.append([step(A, 4)]) == [True]


async def test_where_none_is_an_engine_makes_one_and_nobody_else(nowhere: Store) -> None:
    for _ in range(2):
        with pytest.raises(NotAJournal, match="no journal is there"):
            await nowhere.open(read_only=True)
    journal = await nowhere.open()
    assert await journal.append([start(A)]) == [True]
    await journal.close()
    visitor = await nowhere.open(read_only=True)
    assert [each.execution_id for each in await visitor.scan(Scan())] == [A]
    await visitor.close()


async def test_read_only_it_needs_no_engine(store: Store) -> None:
    journal = await store.open()
    await journal.append([start(A)])
    await journal.close()
    visitors = [await store.open(read_only=True) for _ in range(2)]
    for visitor in visitors:
        assert [each.execution_id for each in await visitor.scan(Scan())] == [A]
    engine = await store.open()
    assert await engine.append([step(A, 2)]) == [True]
    for opened in (*visitors, engine):
        await opened.close()


async def test_an_abandoned_journal_lets_the_next_engine_in(store: Store) -> None:
    journal = await store.open()
    await journal.append([start(A)])
    threads = [each for each in threading.enumerate() if store.url[10:] in each.name]
    del journal
    gc.collect()
    for thread in threads:  # the lock is theirs
        await asyncio.to_thread(thread.join, 10)
    again = await store.open()
    assert await again.rows([A]) == {A: row(A)}
    await again.close()
