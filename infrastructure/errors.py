"""The errors that only adapters can know; the others are perdure.domain.errors.

DemoFailed               a process of `perdure demo` did not do its part
CodeNotUsable            a module that the command line was to import
NotBegun                 an execution whose start waits for an engine
ForeignTransaction       a connection that no order can be placed within

JournalError
├── BadAddress           an address that names no journal that can be opened here
├── JournalClosed        used after its end, or in another process than its own
├── TransactionPooling   an address of a pooler that lends connections by the transaction
├── Unstorable           what no journal can store, however often it is tried
└── NotAJournal
    ├── DamagedJournal   ours once, but what is stored is not whole any more
    └── OutdatedJournal  of an older version: `perdure migrate` brings it to this one
"""

from perdure.domain.errors import JournalError, NotAJournal, PerdureError


class BadAddress(JournalError, ValueError):
    """An address that names no journal that can be opened here."""


class JournalClosed(JournalError):
    """Used after its end, or in another process than the one that opened it. Not to be retried."""


class TransactionPooling(JournalError):
    """A pooler in transaction mode, as of pgbouncer, stands between us and PostgreSQL.

    Name the server itself, or a pool in session mode.
    """


class Unstorable(JournalError):
    """A submission that cannot be stored, however often it is tried. Nothing of its batch was."""


class DamagedJournal(NotAJournal):
    """The file is ours, but SQLite or a check of ours finds it not whole."""


class OutdatedJournal(NotAJournal):
    """The journal is of an older version. Nothing was changed; `perdure migrate` changes it."""


class DemoFailed(PerdureError):
    """The demo could not be shown: one of its processes did not start, or ended on its own."""


class CodeNotUsable(PerdureError):
    """A module that was named on the command line cannot be imported, or lacks the workflow."""


class ForeignTransaction(PerdureError, ValueError):
    """What was given as `within` is no transaction on the journal's database."""


class NotBegun(PerdureError):
    """Nothing is recorded yet of an execution that was ordered: its start waits for an engine."""
