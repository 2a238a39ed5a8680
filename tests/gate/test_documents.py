"""Histories as files: what was recorded comes back byte for byte, and what is none is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from perdure.domain import events
from perdure.infrastructure import codec
from perdure.infrastructure.histories.document import file_name, read_histories
from perdure.infrastructure.histories.layout import WIDTH, compact, laid_out
from perdure.testing import History, HistoryNotUsable
from tests.golden.histories import golden_files, read

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=30,
)


def test_what_was_recorded_comes_back_byte_for_byte(
    recorded: tuple[History, History], tmp_path: Path
) -> None:
    for history in recorded:
        path = tmp_path / file_name(history.execution_id)
        path.write_text(history.text())
        again = History.read(path)
        assert again.execution_id == history.execution_id
        assert [codec.encode(each) for each in again.events] == [
            codec.encode(each) for each in history.events
        ]


def test_golden_histories_come_back_byte_for_byte(tmp_path: Path) -> None:
    # behaviour 63
    for path in golden_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            stream = read(line)[2].stream()
            copy = tmp_path / "one.json"
            copy.write_text(History(f"interpret@{number}", stream).text(), encoding="utf-8")
            assert list(History.read(copy).events) == stream


@settings(max_examples=40)
@given(VALUES)
def test_a_layout_changes_blanks_alone(value: object) -> None:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    shown = laid_out(text)
    assert compact(shown) == text
    assert json.loads(shown) == value


@pytest.mark.parametrize(
    "text", ["1e16", "1e-7", "1.10", "100000000000000000000", '"\\u00e9 \\\\\\""']
)
def test_numbers_and_escapes_stay_as_they_were_written(text: str) -> None:
    stream = [events.ExecutionStarted(time=1, request=Raw(text.encode()), code="-")]
    assert f'"request": {text}' in History("keep@1", stream).text()


def test_payloads_are_json_on_lines_of_their_own(recorded: tuple[History, History]) -> None:
    lines = recorded[0].text().splitlines()
    assert '  "execution": "fulfil@o-1",' in lines
    assert any('"request": {"order_id": "o-1", "article": "lamp"}' in line for line in lines)
    assert max(map(len, lines)) <= WIDTH


def test_a_payload_of_any_depth_is_laid_out() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    assert compact(laid_out(deep)) == deep


HEAD = '{"perdure_history": 1, "event_format": 1, "execution": "fulfil@1", "workflow": "fulfil"'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no history of Perdure's"),
        ("[]", "no history of Perdure's"),
        (HEAD.replace("1,", "7,", 1) + ', "events": []}', "the file is format 7"),
        (HEAD.replace('t": 1', 't": 9') + ', "events": []}', "written in is format 9"),
        (HEAD + "}", "no whole history"),
        (HEAD + ', "events": [', "no history of Perdure's"),
        (HEAD + ', "events": []}', "its first event is no ExecutionStarted"),
        (HEAD + ', "events": [{"ExecutionDreamt": {}}]}', r"event 1 \(ExecutionDreamt\): no event"),
        (HEAD + ', "events": [{"TimerFired": {"time": "x"}}]}', r"event 1 \(TimerFired\)"),
        (HEAD + ', "events": [{}]}', "event 1: it is not one object"),
        (HEAD.replace('"fulfil"', '"ship"') + ', "events": []}', "is none of workflow ship"),
    ],
)
def test_what_is_no_history_is_refused_with_the_place(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(HistoryNotUsable, match=why) as refused:
        History.read(path)
    assert str(refused.value).startswith(str(path))


def test_events_that_do_not_follow_are_refused(
    recorded: tuple[History, History], tmp_path: Path
) -> None:
    first, *others = recorded[0].events
    path = tmp_path / "torn.json"
    path.write_text(History("fulfil@o-1", [first, *others[1:]]).text())
    with pytest.raises(HistoryNotUsable, match="does not follow from the events before it"):
        History.read(path)


def test_a_folder_without_histories_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryNotUsable, match="no file in this folder"):
        read_histories(tmp_path)
    with pytest.raises(HistoryNotUsable, match="cannot be read"):
        read_histories(tmp_path / "nowhere.json")


def test_every_id_has_a_name_that_a_file_can_have() -> None:
    names = [file_name(f"Pay@{key}") for key in ("a/b", "a\\b", "a:b", "ä b", "x" * 255, "x" * 254)]
    assert len(set(names)) == len(names)
    assert all(len(name.encode()) <= 255 and "/" not in name for name in names)
    assert file_name("Pay@o-1~2") == "Pay@o-1~2.json"
