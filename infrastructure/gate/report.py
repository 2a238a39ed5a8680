"""What was found in a journal, counted: executions of one shape that diverge alike are one group.

What is safe is only counted, so that memory stays bounded however large the journal is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from perdure.infrastructure.gate.answers import HANGS, OTHERWISE, SAFE, Answer

EXAMPLES = 3
GROUPS_LIMIT = 1_000  # the rest is counted

Key: TypeAlias = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """Executions of one workflow, code and shape that do not fit in the same way, by its first."""

    workflow: str
    first: Answer
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """See the module. `counts` are by workflow and outcome."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: dict[Key, Group] = field(default_factory=dict)
    ungrouped: int = 0
    blocked_before: int = 0
    heals: int = 0  # of those: the ones that go on with this code

    def add(self, workflow: str, state: str, found: tuple[Answer, Answer]) -> Group | None:
        """Takes what both processes say of one. A group that is new, if it makes one."""
        answer = merged(*found)
        self.counts[workflow, answer.kind] += 1
        if state == "blocked":
            self.blocked_before += 1
            self.heals += answer.safe
        if answer.safe:
            return None
        key = key_of(workflow, answer)
        group = self.groups.get(key)
        fresh = group is None
        if group is None:
            if len(self.groups) >= GROUPS_LIMIT:
                self.ungrouped += 1
                return None
            group = self.groups[key] = Group(workflow, answer)
        group.count += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(answer.id)
        return group if fresh else None

    def depends(self, group: Group, others: Sequence[Answer]) -> None:
        """More processes have replayed its first one: if they disagree, that is what is told."""
        odd = next((each for each in others if not alike(group.first, each)), None)
        if odd is None:
            return
        before, group.first = group.first.kind, otherwise(group.first, odd)
        self.counts[group.workflow, before] -= group.count
        self.counts[group.workflow, OTHERWISE] += group.count

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def hanging(self) -> int:
        return sum(count for (_, kind), count in self.counts.items() if kind == HANGS)

    @property
    def safe(self) -> int:
        return sum(count for (_, kind), count in self.counts.items() if kind == SAFE)

    def sorted_groups(self) -> list[Group]:
        """Those of the most executions first."""
        return sorted(self.groups.values(), key=lambda each: (-each.count, each.examples))


def key_of(workflow: str, answer: Answer) -> Key:
    """What executions have in common that do not fit alike."""
    why = "" if answer.expected else answer.why.replace(answer.id, "")
    what = (answer.kind, answer.event, answer.where, answer.guard, why)
    return (workflow, answer.code, answer.shape, *what)


def merged(one: Answer, other: Answer) -> Answer:
    """One answer of two, or that they differ."""
    if alike(one, other):
        return one
    return otherwise(one, other) if other.safe or not one.safe else otherwise(other, one)


def alike(one: Answer, other: Answer) -> bool:
    said = (one.kind, one.event, one.expected, one.actual)
    return said == (other.kind, other.event, other.expected, other.actual)


def otherwise(one: Answer, other: Answer) -> Answer:
    """It goes one way in one process, and another way in another."""
    another = "it replays" if other.safe else (other.actual or other.why)
    return msgspec.structs.replace(
        one,
        kind=OTHERWISE,
        actual=f"{one.actual or one.why}; in another process: {another}",
        why=f"{one.id}: its body goes another way in each process (PYTHONHASHSEED): it iterates "
        "over a set of texts, or uses hash() or id(); iterate over sorted(...), or a list",
        change="",
        guard="",
        advice="",
    )
