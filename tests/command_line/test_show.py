"""`perdure show`: the timeline of an execution, and its events as JSON."""

import asyncio
import json

import pytest

from perdure import CancelledExecution, open_engine, workflow
from perdure.domain import events
from perdure.domain.identity import shard_of
from perdure.domain.journal import Scan, Submission
from perdure.infrastructure.command_line.reading import record_of, rows_of
from perdure.infrastructure.journals import open_journal
from tests.command_line.conftest import CommandLine, Order, process_payment
from tests.journals.submissions import NOON, start


def test_a_fulfilled_order_reads_from_start_to_end(perdure: CommandLine, journal: str) -> None:
    printed = perdure("show", "process_payment@1", "--journal", journal)
    lines = printed.out.splitlines()
    assert printed.status == 0
    assert lines[0].split() == ["process_payment@1", "succeeded"]
    assert any('▶ charge_credit_card(order_id="1")' in line for line in lines)
    assert any('✔ charge_credit_card → "charge of 1"' in line for line in lines)
    assert lines[-1].strip() == 'end: succeeded → "shipped"'
    assert "rollback" not in printed.out


def test_a_rollback_stands_apart_with_its_attempts(perdure: CommandLine, journal: str) -> None:
    printed = perdure("show", "process_payment@2", "--journal", journal)
    forward, _, back = printed.out.partition("\n  rollback\n")
    assert "send_order_to_shipping failed: OutOfStock: sku='espresso-machine'" in forward
    assert "refund_credit_card undoes charge_credit_card" in back
    assert "attempt 1: defect" in back
    assert "next due at +" in back
    assert "refund_credit_card undoes charge_credit_card, attempt 2" in back
    end = back.splitlines()[-1]
    assert end.strip().startswith("end: compensated: OutOfStock")
    assert end.endswith("undone: charge_credit_card")


def test_what_a_terminal_would_obey_is_not_printed(perdure: CommandLine, journal: str) -> None:
    printed = perdure("show", "process_payment@2", "--journal", journal)
    assert "the gateway hung up" in printed.out
    assert "\x1b" not in printed.out


@workflow(key=str, deadline=0.05)
async def tidies_up_badly(order_id: str) -> None:
    try:
        await asyncio.sleep(3600.0)
    finally:
        raise ValueError("a bug")


def test_a_deadline_is_told_at_the_end_although_the_cleanup_raised(
    perdure: CommandLine, url: str
) -> None:
    async def run_out() -> None:
        async with open_engine(url, [tidies_up_badly]) as engine:
            with pytest.raises(CancelledExecution, match="deadline"):
                await engine.execute(tidies_up_badly, "o-1", timeout=10)

    asyncio.run(run_out())
    end = perdure("show", "tidies_up_badly@o-1", "--journal", url).out.splitlines()[-1].strip()
    assert end == (
        "end: cancelled: its deadline of 0.05 s has passed, then ValueError: a bug; undone: nothing"
    )


def test_an_open_execution_says_what_it_waits_for(perdure: CommandLine, journal: str) -> None:
    printed = perdure("show", "process_payment@3", "--journal", journal)
    assert "open: it is suspended until somebody resumes it: waits for the bank" in printed.out


def test_json_gives_every_event(perdure: CommandLine, journal: str) -> None:
    printed = perdure("show", "process_payment@2", "--journal", journal, "--json")
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["kind"] == "ExecutionStarted"
    assert events[0]["arguments"] == {"order_id": "2", "fate": "out of stock"}
    assert events[-1]["kind"] == "ExecutionCompensated"
    assert any(event.get("undoes") == 1 for event in events)


def test_an_unknown_id_is_one_line_that_says_where_to_look(
    perdure: CommandLine, journal: str
) -> None:
    printed = perdure("show", "process_payment@99", "--journal", journal)
    assert (printed.status, printed.out) == (1, "")
    assert "perdure list" in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("order 2", "no execution id"),
        ("x@\udcff", "printable"),
        ("x@y~" + "1" * 5_000, "no execution id"),
    ],
)
def test_what_is_no_id_is_one_line(
    perdure: CommandLine, journal: str, typed: str, told: str
) -> None:
    printed = perdure("show", typed, "--journal", journal)
    assert printed.status == 1
    assert told in printed.err
    assert len(printed.err.splitlines()) == 1


def test_an_id_is_found_however_its_letters_were_composed(
    perdure: CommandLine, journal: str
) -> None:
    async def order(key: str) -> None:
        async with open_engine(journal, [process_payment]) as engine:
            await engine.execute(process_payment, Order(order_id=key, fate="fulfilled"))

    asyncio.run(order("caf\u00e9"))
    for typed in ("caf\u00e9", "cafe\u0301"):
        printed = perdure("show", f"process_payment@{typed}", "--journal", journal)
        assert printed.out.startswith("process_payment@caf\u00e9  succeeded")


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_timer_that_no_date_can_have_is_shown_at_the_last_one(
    perdure: CommandLine, journal: str, option: list[str]
) -> None:
    sleeper = "process_payment@sleeper"

    async def sleep_for_ever() -> None:
        opened = await open_journal(journal)
        asleep = start(sleeper, due=2**62)
        asleep.events = asleep.events[:1]
        timer = events.TimerSet(time=NOON, ordinal=1, due=2**62, feed=1)
        later = Submission(sleeper, shard_of(sleeper), 1, [timer])
        await opened.append([asleep, later])
        await opened.close()

    asyncio.run(sleep_for_ever())
    printed = perdure("show", sleeper, "--journal", journal, *option)
    assert printed.status == 0
    assert ('"due": "9999-12-31T23:59:59' if option else "waits for a timer") in printed.out


async def test_a_journal_is_read_while_an_engine_runs_on_it(journal: str) -> None:
    async with open_engine(journal, [process_payment]) as engine:
        order = Order(order_id="4", fate="fulfilled")
        await asyncio.wait_for(engine.execute(process_payment, order), 10)
        record = await record_of(journal, "process_payment@4")
        [row] = await rows_of(journal, Scan(states=("succeeded",), everything=True, limit=1))
    assert row.execution_id == record.execution_id
    assert type(record.stream[-1]).__name__ == "ExecutionSucceeded"
