"""`assert_replays`: which changes a recorded history survives, and what is said of the others."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from perdure import ExecutionParked, Workflow, open_engine
from perdure.domain import events
from perdure.testing import History, HistoryNotUsable, assert_replays
from tests.gate import shop
from tests.gate.shop_that_fails import with_a_new_field

pytestmark = pytest.mark.every_python

# What was changed; the event that no longer fits, what is said to mend it, and the changed line.
CHANGES: list[tuple[Workflow[Any, Any], int, str, str]] = [
    (shop.with_a_call_more, 4, 'if version("check_card-added", 2) >= 2:', "check_card(order"),
    (shop.with_a_call_less, 2, 'if version("reserve-removed", 2) < 2:', "await pack("),
    (shop.in_another_order, 2, 'if version("pack-before-reserve", 2) >= 2:', "await pack("),
    (shop.with_another_article, 4, 'if version("pack-changed", 2) >= 2:', ".upper())"),
    (shop.with_a_new_parameter, 4, 'if version("pack-changed", 2) >= 2:', '"blue"'),
    (shop.with_a_renamed_call, 4, '@activity(aliases=["pack"])', "pack_renamed("),
    (shop.that_ends_early, 4, 'if version("pack-removed", 2) < 2:', ""),
    (shop.with_another_sleep, 6, 'if version("sleep-changed", 2) >= 2:', "asyncio.sleep(60)"),
    (shop.with_a_call_beside, 1, 'if version("check_card-added", 2) >= 2:', "asyncio.gather("),
]


@pytest.mark.parametrize(
    ("changed", "event", "guard", "line"),
    CHANGES,
    ids=[each[0].function.__name__ for each in CHANGES],
)
def test_a_change_is_told_with_its_event_its_line_and_its_guard(
    recorded: tuple[History, History],
    changed: Workflow[Any, Any],
    event: int,
    guard: str,
    line: str,
) -> None:
    # behaviour 7
    with pytest.raises(AssertionError) as failed:
        assert_replays(changed, recorded[0])
    told = str(failed.value)
    assert told.startswith("fulfil@o-1 does not replay")
    assert f"  at:        event {event}" in told
    assert f"  guard:     {guard}\n" in told
    found = re.search(r"line: +(.*):(\d+)$", told, re.MULTILINE)
    assert (found is not None) == bool(line)
    if found is not None:
        assert line in Path(found[1]).read_text().splitlines()[int(found[2]) - 1]


def test_what_is_recorded_replays_against_its_own_code(
    recorded: tuple[History, History],
) -> None:
    # behaviours 4, 63
    for history in recorded:
        assert_replays(shop.fulfil, history)


def test_the_guard_that_is_named_keeps_it_going(recorded: tuple[History, History]) -> None:
    for history in recorded:
        assert_replays(shop.with_a_guard, history)


def test_a_new_parameter_is_told_to_take_a_default(recorded: tuple[History, History]) -> None:
    with pytest.raises(AssertionError, match="give the new parameter paper a default"):
        assert_replays(shop.with_a_new_parameter, recorded[0])


def test_a_new_field_is_told_to_take_a_default(recorded: tuple[History, History]) -> None:
    with pytest.raises(AssertionError, match=r"guard:     greeting: ... = DEFAULT\n"):
        assert_replays(with_a_new_field, recorded[0])


def test_a_failure_that_is_gone_is_told_to_keep_its_name(
    recorded: tuple[History, History], tmp_path: Path
) -> None:
    path = tmp_path / "of-yesterday.json"
    path.write_text(recorded[1].text().replace("NoSuchLamp", "LampOfYesterday"))
    with pytest.raises(AssertionError, match=r'class ...\(Failure, name="LampOfYesterday"\)'):
        assert_replays(shop.fulfil, path)


def test_a_body_that_raises_is_told_with_its_line(recorded: tuple[History, History]) -> None:
    with pytest.raises(AssertionError, match=r"it raises AttributeError: a bug of today\n  line: "):
        assert_replays(shop.that_raises, recorded[0])


def test_a_defect_that_was_there_before_is_no_news() -> None:
    async def stumble() -> History:
        async with open_engine("memory://stumbles", [shop.that_raises]) as engine:
            with pytest.raises(ExecutionParked, match="a bug of today"):
                await engine.execute(shop.that_raises, shop.LampOrder(order_id="s-1"))
        return (await shop.histories("memory://stumbles", ["fulfil@s-1"]))[0]

    suspended = asyncio.run(stumble())
    assert_replays(shop.that_raises, suspended)
    assert_replays(shop.fulfil, suspended)
    with pytest.raises(AssertionError, match="check_card"):
        assert_replays(shop.with_a_call_beside, suspended)


def test_what_was_added_in_another_branch_is_told_though_it_is_noticed_later() -> None:
    text = Raw(b'"text"')
    order = Raw(b'{"order_id":"p-1","article":"lamp"}')
    of = {"time": 1, "attempt": 1}
    stream = [
        events.ExecutionStarted(time=1, request=order, code="-"),
        started(1, "reserve", b'{"order_id":"p-1"}', 1, 2),
        started(2, "pack", bytes(order), 1, 2),
        events.ActivitySucceeded(ordinal=1, result=text, **of),
        events.ActivitySucceeded(ordinal=2, result=text, **of),
        started(3, "send", b'{"parcel":"text"}', 5, 1),
    ]
    history = History("prepare@p-1", stream)
    assert_replays(shop.prepare, history)
    with pytest.raises(
        AssertionError, match=r'guard:     if version\("check_card-added", 2\) >= 2'
    ):
        assert_replays(shop.prepare_with_a_check, history)


def started(
    ordinal: int, activity: str, arguments: bytes, feed: int, among: int
) -> events.ActivityStarted:
    return events.ActivityStarted(
        time=1,
        ordinal=ordinal,
        activity=activity,
        attempt=1,
        arguments=Raw(arguments),
        feed=feed,
        among=among,
    )


async def test_it_replays_within_an_async_test(recorded: tuple[History, History]) -> None:
    assert_replays(shop.fulfil, recorded[0])
    with pytest.raises(AssertionError, match="reserve-removed"):
        assert_replays(shop.with_a_call_less, recorded[0])


def test_a_folder_tells_of_all_that_diverge(
    recorded: tuple[History, History], tmp_path: Path
) -> None:
    for number, history in enumerate(recorded):
        (tmp_path / f"{number}.json").write_text(history.text())
    assert_replays(shop.fulfil, tmp_path)
    with pytest.raises(AssertionError) as failed:
        assert_replays(shop.with_a_call_less, tmp_path)
    assert "2 of 2 histories do not replay" in str(failed.value)
    assert f"fulfil@o-2 does not replay ({tmp_path / '1.json'})" in str(failed.value)


def test_a_history_of_another_workflow_is_refused(
    recorded: tuple[History, History], tmp_path: Path
) -> None:
    other = History("ship@1", recorded[0].events)
    (tmp_path / "one.json").write_text(other.text())
    with pytest.raises(HistoryNotUsable, match="no history of fulfil in it, only of ship"):
        assert_replays(shop.fulfil, tmp_path / "one.json")


def test_an_activity_that_is_gone_is_missed_only_where_it_is_to_be_tried_again(
    recorded: tuple[History, History],
) -> None:
    left = History("fulfil@o-1", recorded[0].events[:4])
    assert_replays(shop.fulfil, left)
    with pytest.raises(AssertionError, match="was renamed to wrap"):
        assert_replays(shop.with_a_renamed_call, left)
