"""The memory journal fails where a test asks for it, before or after it has stored."""

from collections.abc import Sequence

import pytest

from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Submission
from perdure.infrastructure.memory.journal import MemoryJournal
from tests.journals.submissions import lengths, payment, start, step

A = payment(1)


class Unreachable:
    """Fails once before the second append, and once after the third."""

    def __init__(self) -> None:
        self.before = [False, True, False, False]
        self.after = [False, True, False]

    def before_append(self, submissions: Sequence[Submission]) -> None:
        if self.before.pop(0):
            raise JournalUnavailable(f"{len(submissions)} submissions lost on the way")

    def after_append(self, submissions: Sequence[Submission]) -> None:
        if self.after.pop(0):
            raise JournalUnavailable("the answer was lost")


async def test_faults_happen_before_or_after_storing() -> None:
    journal = MemoryJournal(faults=Unreachable())
    await journal.append([start(A)])
    with pytest.raises(JournalUnavailable, match="on the way"):
        await journal.append([step(A, 2)])
    assert await lengths(journal, A) == {A: 2}
    with pytest.raises(JournalUnavailable, match="the answer was lost"):
        await journal.append([step(A, 2)])
    assert await lengths(journal, A) == {A: 4}
    assert await journal.append([step(A, 4)]) == [True]
