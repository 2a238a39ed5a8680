"""The errors that only adapters can know; the others are perdure.domain.errors.

JournalError
├── BadAddress           an address that names no journal that can be opened here
├── JournalClosed        used after its end, or in another process than its own
└── NotAJournal
    └── DamagedJournal   ours once, but what is stored is not whole any more
"""

from perdure.domain.errors import JournalError, NotAJournal


class BadAddress(JournalError, ValueError):
    """An address that names no journal that can be opened here."""


class JournalClosed(JournalError):
    """Used after its end, or in another process than the one that opened it. Not to be retried."""


class DamagedJournal(NotAJournal):
    """The file is ours, but SQLite or a check of ours finds it not whole."""
