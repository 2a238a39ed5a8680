"""What whoever keeps a journal does with it: migrate, examine, begin anew after a restore.

The port of each backend, whose adapters are named `keeper`; `keepers` finds the one of an address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Verdict(Enum):
    """What a check has found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it is, what was seen, and what to do next if anything."""

    check: str
    verdict: Verdict
    told: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Migration:
    """From which version to which, 0 being nothing at all; `sql` is what a dry run would do."""

    before: int
    after: int
    sql: str = ""


class Keeper(Protocol):
    """Of one journal. Its methods block, and raise errors of the tree (JournalError)."""

    def migrate(self, roles: Sequence[str] = ()) -> Migration:
        """Makes the journal, or brings it to this version, and gives roles what they need.

        Raises NotAJournal, JournalInUse while an engine owns a journal that is to be changed.
        """
        ...

    def planned(self, roles: Sequence[str] = ()) -> Migration:
        """What `migrate` would do, as SQL. Changes nothing."""
        ...

    def examine(self, *, everything: bool = False) -> list[Finding]:
        """All checks; `everything` reads the whole journal where else a part is read.

        Changes nothing, and may be done beside an engine.
        """
        ...

    def begin_anew(self) -> str:
        """After a restore: no engine of before may append any more. Says what was done."""
        ...


def ok(check: str, told: str) -> Finding:
    return Finding(check, Verdict.OK, told)


def warning(check: str, told: str, next_step: str) -> Finding:
    return Finding(check, Verdict.WARNING, told, next_step)


def failed(check: str, told: str, next_step: str) -> Finding:
    return Finding(check, Verdict.FAILED, told, next_step)
