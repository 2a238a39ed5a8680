"""The audit: a sound day passes, and each rule reports the one thing that breaks it."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.infrastructure.demo.audit import audit
from perdure.infrastructure.demo.facts import End, Outcome, read_books
from tests.demo.conftest import running_shop
from tests.demo.plain_saga import a_day
from tests.demo.spoiled_day import Day, changing, reported

CHARGE = "charge_credit_card"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    file = tmp_path_factory.mktemp("day") / "books.db"
    with running_shop(file, seed=1, orders=20) as running:
        executions = asyncio.run(a_day(running.url))
    with closing(sqlite3.connect(file)) as books:
        books.execute("PRAGMA journal_mode = DELETE")
    return Day(file=file, executions=executions)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "books.db"


def test_a_day_that_went_well_passes(day: Day, copy: Path) -> None:
    result = day.audited(copy)
    assert result.violations == ()
    ends = (result.fulfilled, result.compensated, result.declined, result.cancelled, result.open)
    assert ends == (16, 2, 2, 0, 0)
    assert (result.orders, result.charges, result.refunds) == (20, 18, 2)
    assert result.charges_with_lost_answer >= 1
    assert result.charges_replayed >= result.charges_with_lost_answer
    assert result.misbehaviours["slow"] >= 1


def test_an_order_without_an_execution_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.FAILED)
    result = day.audited(copy, change=lambda each: None if each.order_id == order else each)
    assert reported(result, order, "never taken")


def test_an_order_taken_twice_is_reported(day: Day, copy: Path) -> None:
    twice = day.executions[0]
    shutil.copy(day.file, copy)
    second = replace(twice, execution_id=twice.execution_id + "~2")
    result = audit(read_books(copy), [*day.executions, second])
    assert reported(result, twice.order_id, "taken by 2 executions", second.execution_id)


def test_an_open_execution_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.SUCCEEDED)
    result = day.audited(
        copy,
        change=lambda each: replace(each, state="suspended") if each.order_id == order else each,
    )
    assert reported(result, order, "still open", "suspended")
    assert result.open == 1


def test_a_double_charge_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.SUCCEEDED)
    result = day.audited(
        copy,
        "INSERT INTO charges SELECT 'another key', 'ch_twice', order_id, execution_id, amount, at"
        f" FROM charges WHERE order_id = '{order}'",
    )
    assert reported(result, order, "charged 2 times", "ch_twice")
    assert result.double_charges == 1


def test_an_attempt_with_another_key_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.SUCCEEDED)
    result = day.audited(
        copy,
        "INSERT INTO calls (operation, order_id, ask, execution_id, key, conduct, effect, status,"
        " at) SELECT operation, order_id, 99, execution_id, 'another key', 'unavailable', 'none',"
        f" 503, at FROM calls WHERE operation = 'charge' AND order_id = '{order}' LIMIT 1",
    )
    assert reported(result, order, "asked for a charge with 2 keys", "another key")


def test_a_key_that_differs_between_journal_and_books_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.FAILED)
    change = changing(
        order, CHARGE, lambda each: replace(each, idempotency_keys=frozenset({"journal's key"}))
    )
    assert reported(day.audited(copy, change=change), order, "2 keys", "journal's key")


def test_a_refunded_order_that_was_shipped_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(
        copy,
        f"INSERT INTO shipments VALUES ('a key', 'shp_late', '{order}', 'someone', 'TRK', 'now')",
    )
    assert reported(result, order, "refunded and shipped")
    assert reported(result, order, "ended compensated, but its parcel shp_late stands")


def test_a_parcel_that_nobody_paid_for_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.FAILED)
    result = day.audited(
        copy,
        f"INSERT INTO shipments VALUES ('a key', 'shp_free', '{order}', 'someone', 'TRK', 'now')",
    )
    assert reported(result, order, "shipped and never charged")


@pytest.mark.parametrize(
    ("table", "words"),
    [("charges", "charge"), ("tracking_codes", "tracking code"), ("shipments", "parcel")],
)
def test_an_order_that_succeeded_with_something_missing_is_reported(
    day: Day, copy: Path, table: str, words: str
) -> None:
    order = day.order(End.SUCCEEDED)
    result = day.audited(copy, f"DELETE FROM {table} WHERE order_id = '{order}'")
    assert reported(result, order, f"succeeded without a {words} in the books")


@pytest.mark.parametrize(
    "tampering", ["DELETE FROM mails", "UPDATE mails SET recipient = recipient"], ids=["no", "two"]
)
def test_an_order_that_succeeded_has_one_mail(day: Day, copy: Path, tampering: str) -> None:
    order = day.order(End.SUCCEEDED)
    more = (
        "INSERT INTO mails SELECT 'another key', reference, order_id, execution_id, recipient, at"
        f" FROM mails WHERE order_id = '{order}'"
    )
    script = f"{tampering} WHERE order_id = '{order}'; {more}"
    expected = "0" if tampering.startswith("DELETE") else "2"
    assert reported(day.audited(copy, script), order, f"with {expected} confirmations")


def test_a_mail_about_an_order_that_was_undone_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(
        copy, f"INSERT INTO mails VALUES ('a key', 'msg_1', '{order}', 'someone', 'ada', 'now')"
    )
    assert reported(result, order, "ended compensated, but a confirmation was mailed")


def test_an_order_that_succeeded_and_was_refunded_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.SUCCEEDED)
    result = day.audited(
        copy,
        "INSERT INTO refunds SELECT 'a key', key, reference, order_id, execution_id, at"
        f" FROM charges WHERE order_id = '{order}'",
    )
    assert reported(result, order, "its charge is undone by a refund")
    assert reported(result, order, "refund in the books that the journal knows nothing of")


@pytest.mark.parametrize(("table", "word"), [("refunds", "charge"), ("cancellations", "code")])
def test_a_compensation_that_left_no_trace_is_reported(
    day: Day, copy: Path, table: str, word: str
) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(copy, f"DELETE FROM {table} WHERE order_id = '{order}'")
    assert reported(result, order, "ended compensated", word, "stands")
    assert reported(result, order, "but the books have no", table.removesuffix("s"))


def test_a_refund_without_its_charge_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(copy, f"DELETE FROM charges WHERE order_id = '{order}'")
    assert reported(result, order, "refund ch_", "but no such charge in the books")


def nothing_refunded(order: str) -> str:
    """The order's charge never happened, and its refund found nothing."""
    return (
        f"UPDATE refunds SET reference = NULL WHERE order_id = '{order}';"
        f"DELETE FROM charges WHERE order_id = '{order}'"
    )


def test_a_refund_of_nothing_is_reported_when_the_journal_has_the_charge(
    day: Day, copy: Path
) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(copy, nothing_refunded(order))
    assert reported(result, order, "refund of nothing", "the journal knows")
    assert result.refunds_of_nothing == 1


def test_a_refund_of_nothing_is_right_when_the_outcome_was_unknown(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    change = changing(order, CHARGE, lambda each: replace(each, outcome=Outcome.UNKNOWN))
    result = day.audited(copy, nothing_refunded(order), change)
    assert result.passed
    assert result.refunds_of_nothing == 1


def test_a_charge_that_came_after_its_key_was_barred_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    change = changing(order, CHARGE, lambda each: replace(each, outcome=Outcome.UNKNOWN))
    barred = f"UPDATE refunds SET reference = NULL WHERE order_id = '{order}'"
    assert reported(day.audited(copy, barred, change), order, "after its key was barred")


def test_a_compensation_of_what_was_declined_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.FAILED)
    change = changing(order, CHARGE, lambda each: replace(each, compensated=True))
    assert reported(day.audited(copy, change=change), order, "which the journal says was never")


def test_a_declined_order_that_was_charged_is_reported(day: Day, copy: Path) -> None:
    order = day.order(End.FAILED)
    result = day.audited(
        copy,
        "INSERT INTO charges SELECT key, 'ch_wrong', order_id, execution_id, '1.00', at FROM calls"
        f" WHERE operation = 'charge' AND order_id = '{order}' LIMIT 1",
    )
    assert reported(result, order, "ended failed, but its charge ch_wrong stands")
    assert reported(result, order, "failed in charge_credit_card, but the books have a charge")


@pytest.mark.parametrize(
    ("end", "truth"), [(End.SUCCEEDED, End.COMPENSATED), (End.COMPENSATED, End.SUCCEEDED)]
)
def test_an_end_that_the_books_contradict_is_reported(
    day: Day, copy: Path, end: End, truth: End
) -> None:
    order = day.order(truth)
    result = day.audited(
        copy, change=lambda each: replace(each, state=end) if each.order_id == order else each
    )
    assert reported(result, order, end)


def test_a_mail_about_a_cancelled_order_is_no_violation(day: Day, copy: Path) -> None:
    order = day.order(End.COMPENSATED)
    result = day.audited(
        copy,
        f"INSERT INTO mails VALUES ('a key', 'msg_1', '{order}', 'someone', 'ada', 'now')",
        lambda each: replace(each, state=End.CANCELLED) if each.order_id == order else each,
    )
    assert result.passed
    assert result.cancelled == 1
