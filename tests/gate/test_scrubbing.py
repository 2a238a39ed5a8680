"""`perdure export`: histories as files, and what is left of people in scrubbed ones."""

import asyncio
import itertools
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from perdure import ExecutionParked, open_engine
from perdure.domain import events
from perdure.infrastructure.histories.scrubbing import Scrubber
from perdure.infrastructure.histories.stand_ins import StandIns, words_in
from perdure.testing import History, HistoryNotUsable, assert_replays
from tests.command_line.conftest import CommandLine, perdure
from tests.gate.people import SignUp, sign_up
from tests.gate.shop import histories

__all__ = ["perdure"]  # a fixture

ADA = SignUp(
    email="ada.lovelace@analytical.example",
    name="Ada Lovelace",
    born=date(1815, 12, 10),
    customer=UUID("6f1c1f9e-6d5a-4a57-9b6c-6d0f3a1c9b7e"),
    fee=Decimal("12.50"),
    notes={"Countess of Lovelace": "call 0049301234567", "greeting": "Hello Ada"},
)
PERSONAL = ("lovelace", "analytical", "6f1c1f9e", "countess", "10115", "1234567")
EXECUTION = "sign_up@ada.lovelace@analytical.example"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('people') / 'people.db'}"

    async def run() -> None:
        async with open_engine(url, [sign_up]) as engine:
            with pytest.raises(ExecutionParked):
                await engine.execute(sign_up, ADA)

    asyncio.run(run())
    return url


def exported(printed: Any, folder: Path) -> History:
    assert printed.status == 0, printed.err
    (path,) = folder.iterdir()
    assert printed.out == f"{path}\n"
    return History.read(path)


def test_without_scrubbing_it_is_what_was_recorded(
    perdure: CommandLine, people: str, tmp_path: Path
) -> None:
    to = tmp_path / "histories"
    printed = perdure("export", EXECUTION, "--journal", people, "--to", str(to))
    history = exported(printed, to)
    (stored,) = asyncio.run(histories(people, [EXECUTION]))
    assert history.text() == stored.text()
    assert_replays(sign_up, history)
    shown = perdure("export", EXECUTION, "--journal", people)
    assert shown.out == history.text()


def test_with_the_code_it_replays_and_nobody_is_left_in_it(
    perdure: CommandLine, people: str, tmp_path: Path
) -> None:
    # behaviour 4
    options = ("--to", str(tmp_path), "--scrub", "--module", "tests.gate.people")
    printed = perdure("export", "--where", "workflow=sign_up", "--journal", people, *options)
    history = exported(printed, tmp_path)
    assert_replays(sign_up, history)
    text = history.text()
    assert [word for word in PERSONAL if word in text.lower()] == []
    assert "traceback" not in text
    request = json.loads(bytes(history.events[0].request))  # type: ignore[attr-defined]
    scrubbed = SignUp.model_validate(request)
    assert (scrubbed.plan, scrubbed.language) == (ADA.plan, ADA.language)
    assert (scrubbed.born, scrubbed.fee) == (ADA.born, ADA.fee)
    assert scrubbed.customer.version == 4
    assert f'"{scrubbed.customer}"' in text.partition('"file_away"')[2]
    assert re.fullmatch(r"[A-Z]{2}\d{5}", scrubbed.postcode)
    assert history.execution_id == f"sign_up@{scrubbed.email}"
    assert "request.plan stays: its type refuses a stand-in" in printed.err


def test_without_the_code_fields_that_types_demand_are_to_be_named(
    perdure: CommandLine, people: str, tmp_path: Path
) -> None:
    base = ("export", EXECUTION, "--journal", people, "--to", str(tmp_path), "--scrub")
    printed = perdure(*base)
    text = exported(printed, tmp_path).text()
    assert [word for word in PERSONAL if word in text.lower()] == []
    with pytest.raises(AssertionError, match="the request cannot be read"):
        assert_replays(sign_up, tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    keeping = ("--keep", "plan", "--keep", "language", "--keep", "token", "--keep-id")
    history = exported(perdure(*base, *keeping), tmp_path)
    assert history.execution_id == EXECUTION
    assert '"plan": "large"' in history.text()
    assert '"result": "DEAR ' in history.text()  # which the body had written before
    # The body makes initials of a name; that only the code knows.
    with pytest.raises(AssertionError, match="file_away is given another initials"):
        assert_replays(sign_up, history)


def test_numbers_and_dates_go_where_that_is_said(
    perdure: CommandLine, people: str, tmp_path: Path
) -> None:
    options = ("--scrub", "--scrub-numbers", "--module", "tests.gate.people")
    printed = perdure("export", EXECUTION, "--journal", people, "--to", str(tmp_path), *options)
    history = exported(printed, tmp_path)
    assert_replays(sign_up, history)
    request = json.loads(bytes(history.events[0].request))  # type: ignore[attr-defined]
    assert request["born"] == "1815-01-01"
    assert request["fee"] != "12.50"
    assert len(request["fee"]) == len("12.50")


def test_what_would_not_replay_is_not_written(
    perdure: CommandLine, people: str, tmp_path: Path
) -> None:
    options = ("--scrub", "--module", "tests.command_line.shop", "--to", str(tmp_path))
    printed = perdure("export", EXECUTION, "--journal", people, *options)
    assert (printed.status, printed.out) == (1, "")
    assert "no module that is named has its workflow" in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "say which executions to export"),
        (("--where", "state=running"), "needs a folder"),
        (("a@1", "b@1"), "needs a folder"),
        (("a@1", "--keep", "plan"), "say --scrub too"),
    ],
)
def test_wrong_usage_is_refused(
    perdure: CommandLine, people: str, arguments: tuple[str, ...], why: str
) -> None:
    printed = perdure("export", *arguments, "--journal", people)
    assert printed.status == 2
    assert why in " ".join(printed.err.split())


def test_an_unknown_execution_is_told(perdure: CommandLine, people: str) -> None:
    printed = perdure("export", "sign_up@nobody", "--journal", people)
    assert (printed.status, printed.out) == (1, "")
    assert "no such execution" in printed.err


@settings(max_examples=40)
@given(st.lists(st.text(max_size=30), max_size=6), st.text(min_size=1, max_size=8))
def test_stand_ins_are_equal_for_equal_words_and_keep_the_shape(
    texts: list[str], salt: str
) -> None:
    stand_ins = StandIns(salt)
    for text in texts:
        made = stand_ins.text(text)
        assert stand_ins.text(text) == made
        if text.isascii():
            assert len(made) == len(text)
            assert stand_ins.text(text.upper()) == made.upper()
            assert [each.isdigit() for each in made] == [each.isdigit() for each in text]
        long = {word for word in words_in([text]) if len(word) > 4 and not word.isdecimal()}
        assert {word for word in long if word.isalpha()}.isdisjoint(words_in([made]))


def test_no_two_words_have_one_stand_in() -> None:
    stand_ins = StandIns("salt")
    words = ["".join(letters) for letters in itertools.product("abcdefghijkl", repeat=3)]
    assert len({stand_ins.text(word) for word in words}) == len(words)
    assert StandIns("other").text("customer") != stand_ins.text("customer")


def test_a_file_that_is_no_history_names_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(HistoryNotUsable, match="write it anew with `perdure export`"):
        History.read(tmp_path / "odd.json")


def test_the_help_has_an_example(perdure: CommandLine) -> None:
    printed = perdure("export", "--help")
    assert "Example: perdure export process_payment@order-0007" in printed.out


@pytest.mark.parametrize(
    ("written", "stays"),
    [("order", True), ("LOVE", False), ("xadax", False), ("x" * 200, False), ("ad", True)],
)
def test_what_a_body_writes_stays_where_it_is_akin_to_nothing_from_outside(
    *, written: str, stays: bool
) -> None:
    stream = [
        events.ExecutionStarted(time=1, request=Raw(b'"Ada Lovelace"'), code="-"),
        events.ActivityStarted(
            time=1, ordinal=1, activity="note", attempt=1, arguments=Raw(f'"{written}"'.encode())
        ),
    ]
    scrubbed = Scrubber(StandIns("salt")).scrubbed(History("write@1", stream))
    assert (f'"{written}"' in scrubbed.text()) == stays
    assert "Ada" not in scrubbed.text()
