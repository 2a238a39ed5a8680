"""What every journal promises of reading: many at once, and one that is damaged harms no other."""

import pytest

from perdure.domain.errors import Undecodable
from perdure.domain.journal import Journal
from tests.journals.stores import SQLiteStore, Store
from tests.journals.submissions import lengths, payment, row, start, step

pytestmark = pytest.mark.every_python

A, B, C = payment(1), payment(2), payment(3)


async def test_many_are_read_at_once_and_the_unknown_are_absent(journal: Journal) -> None:
    names = [payment(number) for number in range(1_200)]
    await journal.append([start(name) for name in names])
    wanted = [*names[::2], "ProcessPayment@nobody", "no id at all"]
    streams, rows = await journal.read(wanted), await journal.rows(wanted)
    assert set(streams) == set(rows) == set(names[::2])
    assert all(rows[name] == row(name) for name in names[::2])


async def test_nothing_is_read_for_no_ids(journal: Journal) -> None:
    assert (await journal.read([]), await journal.rows([])) == ({}, {})


async def test_an_id_asked_for_twice_is_read_once(journal: Journal) -> None:
    await journal.append([start(A), start(B)])
    assert await lengths(journal, A, B, A) == {A: 2, B: 2}


async def test_ids_are_told_apart_to_the_letter(journal: Journal) -> None:
    names = ["Pay@a", "Pay@A", "Pay@a~2", "Pay@ä", "Pay@a b", "Pay@'; --", 'Pay@"$[0]"']
    await journal.append([start(name) for name in names])
    assert list(await journal.read(names)) == names
    assert set(await journal.rows(names)) == set(names)


@pytest.mark.parametrize(
    ("topic", "body", "why"),
    [
        ("ActivityStarted", b"{", "truncated"),
        ("ActivityStarted", b"", "truncated"),
        ("ActivityStarted", b"\xff\xfe\x00", "malformed"),
        ("ActivityStarted", b'{"time":"noon"}', "int"),
        ("ActivityStarted", b'{"time":1}', "ordinal"),
        ("ActivityStarted", b'{"arguments":' + b"[" * 100_000, "deep"),
        ("CoffeeBrewed", b'{"time":1}', "CoffeeBrewed"),
    ],
)
async def test_a_row_that_cannot_be_read_names_its_execution_only(
    journal: Journal, store: Store, topic: str, body: bytes, why: str
) -> None:
    await journal.append([start(A), start(B), start(C)])
    store.overwrite(B, 2, topic, body)
    streams = await journal.read([A, B, C])
    damaged = streams[B]
    assert isinstance(damaged, Undecodable)
    assert damaged.execution_id == B
    assert damaged.what == f"event 2 ({topic})"
    assert why in damaged.why
    assert (streams[A], streams[C]) == (start(A).events, start(C).events)


async def test_a_row_that_is_missing_is_told_too(journal: Journal, store: Store) -> None:
    await journal.append([start(A), step(A, 2), start(B), step(B, 2)])
    store.lose(A, 2)
    store.lose(B, 1)
    streams = await journal.read([A, B])
    assert [str(streams[each]).split("; ")[0] for each in (A, B)] == [
        f"{A}: event 2 cannot be read (it is missing)",
        f"{B}: event 1 cannot be read (it is missing)",
    ]


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [("format", 9, "in format 9, this version of Perdure reads 1"), ("key_id", "k1", "key 'k1'")],
)
async def test_a_row_of_another_format_is_not_taken_for_ours(
    sqlite: SQLiteStore, column: str, value: object, why: str
) -> None:
    journal = await sqlite.open()
    await journal.append([start(A), start(B)])
    sqlite.execute(f"UPDATE events SET {column} = ? WHERE execution_id = ?", (value, B))
    streams = await journal.read([A, B])
    assert streams[A] == start(A).events
    assert why in str(streams[B])
    await journal.close()
