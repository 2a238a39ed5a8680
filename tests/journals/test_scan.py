"""What every journal promises of its index: what is found, in which order, page by page."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from perdure.domain.journal import (
    ENDED_STATES,
    OPEN_STATES,
    PARKED_STATES,
    STATES,
    IndexRow,
    Journal,
    Scan,
)
from tests.journals.stores import Store
from tests.journals.submissions import NOON, change, payment, start

pytestmark = pytest.mark.every_python


async def pages(journal: Journal, scan: Scan) -> list[IndexRow]:
    """All pages, each from where the one before ended."""
    found: list[IndexRow] = []
    while page := await journal.scan(scan):
        assert len(page) <= scan.limit
        found += page
        scan = replace(scan, after=place(page[-1], scan))
    return found


def place(last: IndexRow, scan: Scan) -> tuple[int, str]:
    if scan.everything:
        return (last.started, last.execution_id)
    return (last.due or 0, last.execution_id)


def ids(rows: Sequence[IndexRow]) -> list[str]:
    return [each.execution_id for each in rows]


async def test_due_executions_come_in_the_order_of_due_and_id(journal: Journal) -> None:
    dues = {5: NOON + 2, 1: NOON + 3, 4: NOON + 1, 2: NOON + 2, 3: NOON + 9, 6: None}
    await journal.append([start(payment(number), due=due) for number, due in dues.items()])
    for limit in (1, 2, 512):
        found = await pages(journal, Scan(due_until=NOON + 3, limit=limit))
        assert ids(found) == [payment(number) for number in (4, 2, 5, 1)]
    assert ids(await journal.scan(Scan(due_until=NOON))) == []


async def test_executions_without_a_due_come_by_id(journal: Journal) -> None:
    dues = {3: None, 1: NOON, 2: None, 5: None}
    await journal.append([start(payment(number), due=due) for number, due in dues.items()])
    for limit in (1, 2, 512):
        found = await pages(journal, Scan(limit=limit))
        assert ids(found) == [payment(number) for number in (2, 3, 5)]


async def test_states_and_workflows_limit_what_is_found(journal: Journal) -> None:
    await journal.append(
        [
            start(payment(number), state=state, workflow=workflow)
            for number, (state, workflow) in enumerate(
                (state, workflow) for state in STATES for workflow in ("Pay", "Ship")
            )
        ]
    )
    for states in (OPEN_STATES, PARKED_STATES, ENDED_STATES, ("running",), STATES, ()):
        found = await journal.scan(Scan(states=states, workflow="Ship"))
        assert {each.state for each in found} == set(states)
        assert {each.workflow for each in found} <= {"Ship"}
        found = await journal.scan(Scan(states=states, everything=True))
        assert [each.state for each in found].count("running") == 2 * ("running" in states)
        assert len(found) == 2 * len(states)


# behaviour 65
async def test_everything_comes_newest_first_whatever_its_due(journal: Journal) -> None:
    times = {1: NOON + 1, 2: NOON + 3, 3: NOON + 2, 4: NOON + 2}
    await journal.append(
        [
            start(payment(number), started=time, due=[None, NOON][number % 2])
            for number, time in times.items()
        ]
    )
    await journal.append([change(payment(2), state="succeeded", started=NOON + 3)])
    for limit in (1, 3, 512):
        found = await pages(journal, Scan(states=STATES, everything=True, limit=limit))
        assert ids(found) == [payment(number) for number in (2, 4, 3, 1)]


# behaviour 65
async def test_pages_neither_skip_nor_repeat_while_rows_change(journal: Journal) -> None:
    numbers = range(40)
    await journal.append(
        [start(payment(number), due=NOON + number, started=NOON + number) for number in numbers]
    )
    scans = (
        Scan(due_until=NOON + 100, limit=7),
        Scan(states=STATES, everything=True, limit=7),
    )
    for round_number, scan in enumerate(scans):
        found: list[str] = []
        while page := await journal.scan(scan):
            found += ids(page)
            scan = replace(scan, after=place(page[-1], scan))  # noqa: PLW2901
            # What was seen changes its state and due; new ones come in.
            await journal.append(
                [change(each.execution_id, due=each.due and each.due - 1) for each in page]
                + [start(f"Pay@{round_number}-{len(found)}", due=NOON - 1, started=NOON + 1_000)]
            )
        assert sorted(name for name in found if name.startswith("ProcessPayment")) == [
            payment(number) for number in numbers
        ]
        assert len(found) == len(set(found))


async def test_a_row_that_ends_leaves_the_scans_of_the_open(journal: Journal) -> None:
    name = payment(1)
    await journal.append([start(name, due=NOON)])
    assert ids(await journal.scan(Scan(due_until=NOON))) == [name]
    await journal.append([change(name, state="succeeded")])
    assert await journal.scan(Scan(due_until=NOON)) == []
    assert await journal.scan(Scan()) == []
    assert ids(await journal.scan(Scan(states=("succeeded",)))) == [name]


async def test_tags_are_found_by_and_stay(journal: Journal, store: Store) -> None:
    odd = {"customer": 'Zoë "Z" d\'Arc\\', "sales.channel-2": "web"}
    tagged = {1: odd, 2: {"customer": "Ada"}, 3: None, 4: {"customer": "Ada", "priority": "high"}}
    starts = [start(payment(number)) for number in tagged]
    for each, tags in zip(starts, tagged.values(), strict=True):
        assert each.index is not None
        each.index = replace(each.index, tags=tags)
    await journal.append(starts)
    await journal.append([change(payment(1), state="suspended"), change(payment(4), state="stuck")])
    await journal.close()
    again = await store.open()
    for tags, numbers in (
        ({"customer": "Ada"}, {2, 4}),
        ({"customer": "Ada", "priority": "high"}, {4}),
        ({"priority": "low"}, set[int]()),
        (odd, {1}),
        ({"sales.channel-2": "web"}, {1}),
    ):
        found = await again.scan(Scan(states=STATES, tags=tags, everything=True))
        assert set(ids(found)) == {payment(number) for number in numbers}, tags
    rows = await again.rows([payment(number) for number in tagged])
    assert [rows[payment(number)].tags for number in tagged] == list(tagged.values())
    await again.close()
