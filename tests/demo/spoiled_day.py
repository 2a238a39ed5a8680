"""A day that went well, and how a test of the audit spoils it: one thing, in books or journal."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from perdure.infrastructure.demo.audit import Audit, audit
from perdure.infrastructure.demo.facts import ActivityFacts, End, ExecutionFacts, read_books


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day that went well: the books, the journal's side, and one order of each end."""

    file: Path
    executions: list[ExecutionFacts]

    def order(self, end: End) -> str:
        return next(each.order_id for each in self.executions if each.state == end)

    def audited(
        self,
        copy: Path,
        tampering: str = "",
        change: Callable[[ExecutionFacts], ExecutionFacts | None] = lambda each: each,
    ) -> Audit:
        """The audit after the books were tampered with in SQL, and the journal by a function."""
        shutil.copy(self.file, copy)
        with closing(sqlite3.connect(copy)) as books:
            books.executescript(tampering)
        changed = (change(each) for each in self.executions)
        return audit(read_books(copy), [each for each in changed if each is not None])


def reported(result: Audit, order_id: str, *words: str) -> bool:
    """Whether the violations are of this order alone, and one of them says these words."""
    assert result.violations
    assert all(each.startswith(order_id + " ") for each in result.violations), result.violations
    assert not result.passed
    return any(all(word in each for word in words) for each in result.violations)


def changing(
    order_id: str, activity: str, change: Callable[[ActivityFacts], ActivityFacts]
) -> Callable[[ExecutionFacts], ExecutionFacts]:
    """What the journal says about one activity of one order, changed."""

    def changed(execution: ExecutionFacts) -> ExecutionFacts:
        if execution.order_id != order_id:
            return execution
        activities = tuple(
            change(each) if each.activity == activity else each for each in execution.activities
        )
        return replace(execution, activities=activities)

    return changed
