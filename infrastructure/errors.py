"""The errors that only adapters can know; the others are perdure.domain.errors.

DemoFailed               a process of `perdure demo` did not do its part
CodeNotUsable            a module that the command line was to import
NotBegun                 an execution whose start waits for an engine
ForeignTransaction       a connection that no order can be placed within
GateBroken               `perdure check` could not go through a journal to its end
HistoryNotUsable         a file that holds no history, or one of another version
BadKeys                  a ring of keys that cannot be used
NoFake                   a test was about to call what it has no fake for
BadFake                  a fake that does not fit what it stands for

JournalError
├── BadAddress           an address that names no journal that can be opened here
├── NoKeys               a journal that is encrypted, opened without keys
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


class NoKeys(JournalError):
    """What is stored there is encrypted, and whoever wants to write there has no keys."""


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


class BadKeys(PerdureError, ValueError):
    """A ring of keys, or a key of it, that cannot be used. No key is told in it."""


class DemoFailed(PerdureError):
    """The demo could not be shown: one of its processes did not start, or ended on its own."""


class CodeNotUsable(PerdureError):
    """A module that was named on the command line cannot be imported, or lacks the workflow."""


class GateBroken(PerdureError):
    """`perdure check` could not go on. Nothing is said of the executions that it did not reach."""


class HistoryNotUsable(PerdureError, ValueError):
    """A file that holds no history that this version of Perdure could read."""

    def __init__(self, source: str, why: str) -> None:
        self.source = source
        self.why = why
        super().__init__(
            f"{source}: {why}; write it anew with `perdure export`, by a version that reads the "
            "journal"
        )


class ForeignTransaction(PerdureError, ValueError):
    """What was given as `within` is no transaction on the journal's database."""


class NotBegun(PerdureError):
    """Nothing is recorded yet of an execution that was ordered: its start waits for an engine."""


class NoFake(PerdureError, AssertionError):
    """A test with a world was about to call something real. Nothing was called; the run stops."""

    def __init__(self, subject: str, where: str, advice: str) -> None:
        self.subject = subject
        super().__init__(
            f"{subject} ({where}) was about to be called for real, since the test has no fake for "
            f"it; {advice}"
        )


class BadFake(PerdureError, TypeError):
    """A fake that does not fit what it stands for, or that stands for nothing. The run stops."""


def no_keys(where: object) -> NoKeys:
    return NoKeys(
        f"{where}: what is stored there is encrypted, and no keys are given; set PERDURE_KEYS or "
        "PERDURE_KEY_FILE, or hand over keys="
    )
