"""`perdure check`: a journal against the code about to be deployed."""

import asyncio
import re
from pathlib import Path

import pytest

from perdure.infrastructure.gate import checking
from tests.command_line.conftest import CommandLine, perdure
from tests.gate import shop
from tests.gate.conftest import ORDERS
from tests.gate.deployed import folder, found, put, url

__all__ = ["folder", "perdure", "url"]  # fixtures


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal with one that is suspended, and one that has failed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('gate') / 'orders.db'}"
    asyncio.run(shop.record(url, *ORDERS))
    return url


def test_what_diverges_is_told_with_its_guard(
    perdure: CommandLine, orders: str, folder: Path
) -> None:
    # behaviours 7, 8
    new = put(folder, "with_a_call_more")
    printed = perdure("check", "--journal", orders, "--module", new, "--finished", "1", "--json")
    assert printed.status == 1, printed.err
    groups = found(printed.out)
    assert [each["examples"] for each in groups] == [["fulfil@o-1"], ["fulfil@o-2"]]
    for each, order in zip(groups, ORDERS, strict=True):
        assert (each["outcome"], each["workflow"], each["count"]) == ("diverges", "fulfil", 1)
        assert (each["event"], each["change"]) == (4, "added")
        assert each["guard"] == 'if version("check_card-added", 2) >= 2:'
        assert each["expected"].startswith("activity pack(")
        assert each["actual"] == f'activity check_card({{"order_id":"{order.order_id}"}})'
        assert "shop.py:" in each["where"]
        assert each["code"] == [shop.fulfil.code_fingerprint]


@pytest.mark.faults
def test_code_that_fits_is_safe_and_the_status_is_0(
    perdure: CommandLine, orders: str, folder: Path
) -> None:
    for name in ("fulfil", "with_a_guard"):
        new = put(folder, name)
        printed = perdure("check", "--journal", orders, "--module", new, "--finished", "9")
        assert printed.status == 0, printed.err
        assert "2 executions: all of them go on with this code." in printed.out
        printed = perdure("check", "--journal", orders, "--module", new, "--json")
        assert found(printed.out) == [{"outcome": "safe", "workflow": "fulfil", "count": 1}]


@pytest.mark.faults
def test_people_read_the_counts_and_what_to_do(
    perdure: CommandLine, orders: str, folder: Path
) -> None:
    new = put(folder, "with_a_call_less")
    printed = perdure("check", "--journal", orders, "--module", new)
    assert printed.status == 1
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[:2] == [["workflow", "safe", "diverges"], ["fulfil", "1"]]
    assert re.search(r'guard +if version\("reserve-removed", 2\) < 2:\n', printed.out)
    assert "at         event 2, request 1, asked for after event 1" in printed.out
    assert "1 of 1 execution would not go on with this code." in printed.out


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "outcome", "why", "line"),
    [  # the first and the third spare o-2
        ("that_never_ends", "hangs", "takes longer than 1 s", "if order.order_id != "),
        ("that_waits_in_a_thread", "hangs", "takes longer than 1 s", "threading.Event().wait()"),
        ("that_ends_the_process", "ends its process", r"ended the process \(status 3\)", ""),
        ("that_freezes_the_process", "hangs", "takes longer than 1 s", ""),
        ("that_spins", "does not rest", "did not come to rest within 100,000 steps", ""),
        ("with_a_new_field", "unreadable", "the request cannot be read", ""),
    ],
)
def test_what_ends_a_replay_is_told_of_that_one_alone(
    perdure: CommandLine,
    orders: str,
    folder: Path,
    *,
    name: str,
    outcome: str,
    why: str,
    line: str,
) -> None:
    new = put(folder, name, "pack", "reserve", source="shop_that_fails")
    options = ("--finished", "1", "--seconds-each", "1", "--json")
    printed = perdure("check", "--journal", orders, "--module", new, *options)
    assert printed.status == 1, printed.err
    told, *others = sorted(found(printed.out), key=lambda each: each.get("examples", ["z"]))
    assert told["examples"][0] == "fulfil@o-1"
    assert told["outcome"] == outcome
    assert re.search(why, told["why"])
    spared = name in ("that_never_ends", "that_ends_the_process")
    assert ("safe" in [each["outcome"] for each in others]) == spared
    if line:
        path, _, number = told["where"].rpartition(":")
        source = Path(path).read_text().splitlines()
        near = "\n".join(source[int(number) - 2 : int(number) + 1])  # where it is at that moment
        assert line in near


@pytest.mark.faults
def test_when_too_many_hang_the_rest_is_told_as_not_replayed(
    perdure: CommandLine, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "HANGS_LIMIT", 2)
    monkeypatch.setattr(checking, "BATCH", 1)
    asyncio.run(shop.record(url, *(shop.LampOrder(order_id=f"h-{n}") for n in range(5))))
    new = put(folder, "that_waits_in_a_thread", source="shop_that_fails")
    options = ("--seconds-each", "0.2", "--jobs", "2", "--json")
    printed = perdure("check", "--journal", url, "--module", new, *options)
    assert printed.status == 1
    assert {each["outcome"]: each["count"] for each in found(printed.out)} == {
        "hangs": 2,
        "not replayed": 3,
    }


@pytest.mark.faults
def test_a_set_of_texts_is_told_as_one_and_not_as_a_change(
    perdure: CommandLine, orders: str, folder: Path
) -> None:
    # behaviour 4
    new = put(folder, "that_iterates_over_a_set", source="shop_that_fails")
    printed = perdure("check", "--journal", orders, "--module", new, "--json")
    (told,) = found(printed.out)
    assert told["outcome"] == "depends on the process"
    assert "PYTHONHASHSEED" in told["why"]
    assert told["guard"] == ""


@pytest.mark.faults
def test_a_workflow_without_code_is_told_as_that(
    perdure: CommandLine, orders: str, folder: Path
) -> None:
    # behaviour 10
    (folder / "other.py").write_text("from tests.command_line.shop import buy_lamp\n")
    printed = perdure("check", "--journal", orders, "--module", "other", "--json")
    (told,) = found(printed.out)
    assert (printed.status, told["outcome"]) == (1, "unknown code")
    assert "no workflow named 'fulfil'" in told["why"]
    assert told["guard"] == '@workflow(..., aliases=["fulfil"])'


@pytest.mark.faults
def test_executions_of_one_shape_are_one_group(
    perdure: CommandLine, url: str, folder: Path
) -> None:
    many = [shop.LampOrder(order_id=f"m-{number}") for number in range(60)]
    asyncio.run(shop.record(url, *many))
    new = put(folder, "with_a_call_more")
    printed = perdure("check", "--journal", url, "--module", new, "--json", "--jobs", "4")
    (told,) = found(printed.out)
    assert (told["count"], len(told["examples"])) == (60, 3)


def test_a_journal_with_work_needs_a_module(perdure: CommandLine, orders: str) -> None:
    printed = perdure("check", "--journal", orders)
    assert printed.status == 2
    assert "1 unfinished executions are there: name the module" in " ".join(printed.err.split())


def test_a_journal_in_memory_is_wrong_usage(perdure: CommandLine) -> None:
    printed = perdure("check", "--journal", "memory://orders", "--module", "new")
    assert printed.status == 2
    assert "its process's own" in printed.err


@pytest.mark.faults
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing_of_this_name", "cannot be imported"),
        ("nothing = 1", "there is no workflow in new"),
        ("import os\nos._exit(0)", "ended on its own"),
        ("from tests.gate.shop import fulfil, with_a_guard", "two workflows are named fulfil"),
    ],
)
def test_a_module_that_is_of_no_use_is_one_line(
    perdure: CommandLine, orders: str, folder: Path, text: str, why: str
) -> None:
    (folder / "new.py").write_text(text)
    printed = perdure("check", "--journal", orders, "--module", "new")
    assert (printed.status, printed.out) == (1, "")
    assert why in printed.err
    assert printed.err.count("\n") == 1
