"""Whatever SQLite raises leaves the journal as an error of ours, which says what can be done."""

import sqlite3
from pathlib import Path

import pytest

from perdure.domain.errors import JournalError, JournalUnavailable
from perdure.domain.journal import Scan
from perdure.infrastructure.errors import DamagedJournal, Unstorable
from perdure.infrastructure.sqlite.translation import translated
from tests.journals.stores import SQLiteStore
from tests.journals.submissions import lengths, payment, start, step

A, B = payment(1), payment(2)
CODES = [
    code
    for name, code in vars(sqlite3).items()
    if name.startswith("SQLITE_") and isinstance(code, int)
]


@pytest.mark.parametrize(
    "kind",
    [
        *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.OperationalError),
        *(sqlite3.ProgrammingError, sqlite3.InternalError, sqlite3.NotSupportedError),
    ],
)
def test_no_error_of_sqlite_leaves_untranslated(kind: type[sqlite3.Error]) -> None:
    for code in (None, *CODES):
        error = kind("the disk spoke")
        if code is not None:
            error.sqlite_errorcode = code
        told = r"payments\.db: .*the disk spoke.* while appending"
        with pytest.raises(JournalError, match=told), translated(Path("payments.db"), "appending"):
            raise error


async def test_what_a_table_refuses_is_unstorable_and_stores_nothing(sqlite: SQLiteStore) -> None:
    journal = await sqlite.open()
    await journal.append([start(A)])
    sqlite.execute("CREATE UNIQUE INDEX one_each ON executions (workflow)")
    with pytest.raises(Unstorable, match="UNIQUE constraint failed"):
        await journal.append([step(A, 2), start(B)])
    assert await lengths(journal, A, B) == {A: 2}
    assert await journal.append([step(A, 2)]) == [True]
    await journal.close()


async def test_a_statement_that_cannot_be_run_sends_nobody_to_a_backup(sqlite: SQLiteStore) -> None:
    journal = await sqlite.open()
    sqlite.execute("ALTER TABLE executions RENAME COLUMN due TO payable")
    for asked in (journal.append([start(A)]), journal.scan(Scan())):
        with pytest.raises(JournalError, match="another program may have changed") as raised:
            await asked
        assert not isinstance(raised.value, DamagedJournal | JournalUnavailable)
        assert "backup" not in str(raised.value)
    await journal.close()
