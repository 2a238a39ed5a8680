"""The report of a check: what is counted, what is grouped, and what is told as chance."""

import pytest

from perdure.infrastructure.gate import report as reporting
from perdure.infrastructure.gate.answers import OTHERWISE, SAFE, Answer
from perdure.infrastructure.gate.report import Report


def diverging(number: int, actual: str = "activity pack({})", shape: str = "s") -> Answer:
    return Answer(
        id=f"fulfil@{number}",
        kind="diverges",
        shape=shape,
        event=4,
        expected="activity send({})",
        actual=actual,
        guard="if version(...)",
    )


def safe(number: int) -> Answer:
    return Answer(id=f"fulfil@{number}", kind=SAFE)


def test_what_two_processes_find_unlike_depends_on_the_process() -> None:
    # behaviour 4
    pairs = [
        (safe(1), diverging(1)),
        (diverging(2), safe(2)),
        (diverging(3), diverging(3, actual="activity wrap({})")),
    ]
    found = Report()
    for pair in pairs:
        found.add("fulfil", "running", pair)
    assert found.counts == {("fulfil", OTHERWISE): 3}
    for group in found.sorted_groups():
        assert group.first.guard == ""
        assert "PYTHONHASHSEED" in group.first.why
        assert "in another process: " in group.first.actual


def test_what_other_seeds_find_unlike_is_taken_back_for_its_whole_group() -> None:
    found = Report()
    group = found.add("fulfil", "running", (diverging(1), diverging(1)))
    assert found.add("fulfil", "running", (diverging(2), diverging(2))) is None
    assert group is not None
    found.depends(group, [diverging(1), diverging(1)])
    assert found.counts == {("fulfil", "diverges"): 2}
    found.depends(group, [diverging(1), safe(1)])
    assert +found.counts == {("fulfil", OTHERWISE): 2}
    assert (found.total, found.safe) == (2, 0)


def test_groups_are_by_shape_and_there_is_an_end_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "GROUPS_LIMIT", 3)
    found = Report()
    for number in range(10):
        answer = diverging(number, shape=f"s{number % 5}")
        found.add("fulfil", "running", (answer, answer))
    assert sorted(each.count for each in found.groups.values()) == [2, 2, 2]
    assert found.ungrouped == 4
    assert found.total == 10


def test_what_was_blocked_is_counted_with_what_goes_on() -> None:
    found = Report()
    found.add("fulfil", "blocked", (safe(1), safe(1)))
    found.add("fulfil", "blocked", (diverging(2), diverging(2)))
    found.add("fulfil", "running", (safe(3), safe(3)))
    assert (found.blocked_before, found.heals) == (2, 1)
