"""`perdure resume`, `cancel` and `resolve`: for one, for many, with and without an engine."""

import asyncio
import io
import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from perdure import Client, connect
from perdure.infrastructure.command_line import placing
from tests.command_line.conftest import CommandLine, Printed
from tests.command_line.shop import BuyLamp, buy_lamp, engine_on

WAIT = ("--wait", "20")


def lines(printed: Printed) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.out.splitlines()]


def outcomes(printed: Printed) -> dict[str, str]:
    return {line["id"].partition("@")[2]: line["outcome"] for line in lines(printed)}


def states(perdure: CommandLine, url: str) -> dict[str, str]:
    listed = lines(perdure("list", "--journal", url, "--json"))
    return {line["id"].partition("@")[2]: line["state"] for line in listed}


def test_one_is_resumed_by_its_id(perdure: CommandLine, parked: str) -> None:
    with engine_on(parked):
        printed = perdure("resume", "buy_lamp@3", "--journal", parked, "--reason", "paid", *WAIT)
    assert printed.status == 0
    assert "1 execution: 1 resumed." in printed.out
    assert states(perdure, parked)["3"] == "succeeded"
    history = perdure("history", "buy_lamp@3", "--journal", parked)
    assert "reason: paid" in history.out


def test_all_that_fit_are_resumed_by_one_command(perdure: CommandLine, parked: str) -> None:
    with engine_on(parked):
        printed = perdure(
            *("resume", "--where", "state=suspended,reason~TIMEOUT", "--journal", parked),
            *("--yes", "--json", *WAIT),
        )
    assert (printed.status, printed.err) == (0, "")
    assert outcomes(printed) == {"3": "done", "4": "done"}
    assert lines(printed)[0] == {
        "id": "buy_lamp@3",
        "order": "resume",
        "outcome": "done",
        "state_before": "suspended",
        "why": "",
    }
    assert set(states(perdure, parked).values()) == {"stuck", "succeeded"}


def test_a_cancelled_one_is_undone(perdure: CommandLine, parked: str) -> None:
    with engine_on(parked):
        printed = perdure("cancel", "buy_lamp@3", "--journal", parked, *WAIT)
    assert printed.status == 0
    assert "1 asked to stop" in printed.out
    shown = perdure("show", "buy_lamp@3", "--journal", parked).out
    assert "cancelled: cancelled from the command line; undone: pay" in shown


@pytest.mark.parametrize(
    ("decision", "state", "told"),
    [
        (["skip", "--reason", "written off"], "compensated", "skipped: pay"),
        (["by-hand", "--reason", "sent a cheque"], "compensated", "undone: pay"),
        (["replace", "--arguments", '{"account": "ada"}'], "compensated", "undone: pay"),
        (["retry"], "stuck", "AccountClosed"),
    ],
)
def test_a_stuck_one_is_resolved(
    perdure: CommandLine, parked: str, decision: list[str], state: str, told: str
) -> None:
    # behaviour 24
    with engine_on(parked):
        how, *options = decision
        printed = perdure("resolve", how, "buy_lamp@1", "--journal", parked, *options, *WAIT)
    assert printed.status == 0
    assert states(perdure, parked)["1"] == state
    shown = perdure("show", "buy_lamp@1", "--journal", parked).out
    assert told in shown.splitlines()[-1]


def test_what_cannot_be_done_is_refused_with_the_reason(perdure: CommandLine, parked: str) -> None:
    with engine_on(parked):
        printed = perdure(
            *("resolve", "retry", "buy_lamp@1", "buy_lamp@3", "buy_lamp@99", "--yes"),
            *("--journal", parked, *WAIT),
        )
    assert printed.status == 1
    assert "no compensation of it waits for a decision" in printed.out
    assert "buy_lamp@99" in printed.out
    assert "3 executions: 1 told to try the undo again, 2 refused." in printed.out


def test_without_an_engine_the_order_is_posted_and_waits(perdure: CommandLine, parked: str) -> None:
    printed = perdure("resume", "buy_lamp@3", "--journal", parked, "--wait", "0")
    assert printed.status == 3
    assert "1 posted, waiting" in printed.out
    assert "by the next one" in printed.out
    assert states(perdure, parked)["3"] == "suspended"
    with engine_on(parked):
        later = perdure("resume", "buy_lamp@4", "--journal", parked, *WAIT)
    assert later.status == 0
    assert states(perdure, parked)["3"] == "succeeded"


def test_an_order_that_waits_already_is_not_posted_again(perdure: CommandLine, parked: str) -> None:
    order = ("resume", "buy_lamp@3", "--journal", parked, "--wait", "0", "--json")
    decision = ("resolve", "skip", "buy_lamp@1", "--reason", "x", *order[2:])
    assert [perdure(*order).status, perdure(*decision).status] == [3, 3]
    again, decided = perdure(*order), perdure(*decision)
    assert (again.status, decided.status) == (3, 1)
    assert "nothing more was posted" in lines(again)[0]["why"]
    assert "a decision on it waits" in lines(decided)[0]["why"]
    shown = perdure("show", "buy_lamp@3", "--journal", parked).out
    assert shown.count("which waits for an engine") == 1


def test_many_orders_do_not_wait_one_after_the_other_where_no_engine_runs(
    perdure: CommandLine, parked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "AT_ONCE", 1)
    waited: list[float | None] = []

    def connecting(url: str, *, reply_timeout: float | None) -> AbstractAsyncContextManager[Client]:
        waited.append(reply_timeout)
        return connect(url, reply_timeout=reply_timeout)

    monkeypatch.setattr(placing, "connect", connecting)
    order = ("resume", "--where", "workflow=buy_lamp", "--yes", "--journal", parked)
    printed = perdure(*order, "--wait", "0.01")
    assert "4 executions: 4 posted, waiting." in printed.out
    assert waited == [0.01, 0, 0, 0]


def test_a_start_that_waits_is_told(perdure: CommandLine, parked: str) -> None:
    async def order() -> None:
        async with connect(parked) as client:
            await client.start(buy_lamp, BuyLamp(order_id="5"))

    asyncio.run(order())
    printed = perdure("show", "buy_lamp@5", "--journal", parked)
    assert printed.status == 1
    assert "its start waits" in printed.err
    cancelled = perdure("cancel", "buy_lamp@5", "--journal", parked, "--wait", "0")
    assert "1 posted, waiting" in cancelled.out


def test_a_dry_run_lists_and_orders_nothing(perdure: CommandLine, parked: str) -> None:
    printed = perdure("resume", "--where", "workflow=buy_lamp", "--dry-run", "--journal", parked)
    assert printed.status == 0
    assert "4 executions: 4 would be resumed." in printed.out
    assert "waits for the bank" in printed.out
    with engine_on(parked):
        assert perdure("resume", "buy_lamp@3", "--journal", parked, *WAIT).status == 0
    assert states(perdure, parked)["4"] == "suspended"


@pytest.mark.parametrize(("answer", "done"), [("n\n", False), ("", False), ("y\n", True)])
def test_before_more_than_one_is_touched_it_asks(
    perdure: CommandLine,
    parked: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    done: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    order = ("resume", "--where", "state=suspended", "--journal", parked)
    with engine_on(parked):
        printed = perdure(*order, "--json", *WAIT)
    assert "Resume 2 executions?" in printed.err
    assert "waits for the bank" in printed.err
    if done:
        assert outcomes(printed) == {"3": "done", "4": "done"}
    else:
        assert (printed.status, printed.out) == (1, "")
        assert "Nothing was done" in printed.err
        assert states(perdure, parked)["3"] == "suspended"


def test_for_what_has_ended_or_goes_on_nothing_is_posted(
    perdure: CommandLine, journal: str
) -> None:
    for order in ("resume", "cancel"):
        printed = perdure(order, "process_payment@1", "--journal", journal, "--json")
        assert printed.status == 1
        assert lines(printed)[0]["why"] == "it has ended: succeeded"


def test_a_stuck_one_is_not_cancelled_again(perdure: CommandLine, parked: str) -> None:
    printed = perdure("cancel", "buy_lamp@1", "--journal", parked, "--json")
    assert printed.status == 0
    assert outcomes(printed) == {"1": "needless"}
    assert "perdure resolve" in lines(printed)[0]["why"]


def test_nobody_who_fits_is_told(perdure: CommandLine, parked: str) -> None:
    printed = perdure("resume", "--where", "reason~nothing like it", "--journal", parked)
    assert (printed.status, printed.out) == (0, "No execution fits that can be resumed.\n")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["resume"], "say which executions to resume"),
        (["resume", "buy_lamp@1", "--where", "state=stuck"], "either ids or --where"),
        (["resume", "--where", "state=succeeded"], "resume is for executions that are suspended"),
        (["resolve", "skip", "buy_lamp@1"], 'skip needs a --reason "..."'),
        (["resolve", "replace", "buy_lamp@1"], "replace needs --arguments"),
        (["resolve", "replace", "buy_lamp@1", "--arguments", "{"], "no JSON"),
        (["resolve", "replace", "buy_lamp@1", "--arguments", "[]"], "has to be an object"),
        (["resolve", "retry", "buy_lamp@1", "--arguments", "{}"], "goes with replace"),
        (["resolve", "undo", "buy_lamp@1"], "'undo' is not one of"),
    ],
)
def test_wrong_usage_says_what_is_right(
    perdure: CommandLine, parked: str, typed: list[str], told: str
) -> None:
    printed = perdure(*typed, "--journal", parked)
    assert (printed.status, printed.out) == (2, "")
    assert told in " ".join(printed.err.replace("│", " ").split())


def test_no_journal_is_made_where_there_is_none(perdure: CommandLine, url: str) -> None:
    printed = perdure("cancel", "buy_lamp@1", "--journal", url)
    assert printed.status == 1
    assert len(printed.err.splitlines()) == 1
    assert perdure("list", "--journal", url).status == 1
