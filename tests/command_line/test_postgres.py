"""The commands on a journal in PostgreSQL: what they find and do there, and never show."""

import asyncio
import json
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from perdure import connect
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.demo import day
from perdure.infrastructure.demo.day import Evening, Plan, Watcher
from tests.command_line.conftest import CommandLine, Printed
from tests.command_line.shop import engine_on
from tests.command_line.test_demo import evening

WAIT = ("--wait", "20")


@pytest.fixture
def url(postgres_database: str) -> str:
    """The address of a schema that is not there yet."""
    return f"{postgres_database}?schema=shop_{uuid4().hex}"


def states(printed: Printed) -> dict[str, str]:
    rows = [json.loads(line) for line in printed.out.splitlines()]
    return {row["id"].partition("@")[2]: row["state"] for row in rows}


def outcomes(printed: Printed) -> dict[str, str]:
    rows = [json.loads(line) for line in printed.out.splitlines()]
    return {row["id"].partition("@")[2]: row["outcome"] for row in rows}


def test_a_journal_without_an_engine_is_listed_and_shown(
    perdure: CommandLine, journal: str
) -> None:
    listed = perdure("list", "--journal", journal, "--json")
    assert states(listed) == {"1": "succeeded", "2": "compensated", "3": "suspended"}
    shown = perdure("show", "process_payment@2", "--journal", journal)
    assert (shown.status, shown.err) == (0, "")
    assert "charge_credit_card is undone" in shown.out
    assert perdure("history", "process_payment@2", "--journal", journal).status == 0


def test_a_journal_whose_engine_runs_is_read_and_orders_are_carried_out(
    perdure: CommandLine, parked: str
) -> None:
    to = ("--journal", parked)
    with engine_on(parked):
        listed = perdure("list", *to, "--json")
        assert states(listed) == {"1": "stuck", "2": "stuck", "3": "suspended", "4": "suspended"}
        assert "waits for the bank" in perdure("show", "buy_lamp@3", *to).out
        assert perdure("plan", "buy_lamp@3", *to).status == 0
        done = [
            perdure("cancel", "buy_lamp@3", *to, "--json", *WAIT),
            perdure("resume", "buy_lamp@4", *to, "--json", *WAIT),
            perdure("resolve", "skip", "buy_lamp@1", *to, "--reason", "paid", "--json", *WAIT),
        ]
    assert [outcomes(each) for each in done] == [{"3": "done"}, {"4": "done"}, {"1": "done"}]
    ended = states(perdure("list", *to, "--json"))
    assert ended == {"1": "compensated", "2": "stuck", "3": "cancelled", "4": "succeeded"}


def test_an_order_waits_in_the_mailbox_for_an_engine(perdure: CommandLine, parked: str) -> None:
    printed = perdure("cancel", "buy_lamp@3", "--journal", parked, "--wait", "0", "--json")
    assert outcomes(printed) == {"3": "posted"}

    async def carried_out() -> None:
        async with connect(parked) as client:
            await client.handle("buy_lamp@3").wait(states=["cancelled"], timeout=20)

    with engine_on(parked):
        asyncio.run(carried_out())
    assert states(perdure("list", "--journal", parked, "--json"))["3"] == "cancelled"


@pytest.mark.parametrize(
    "command",
    ["list", "show", "history", "plan", "resume", "cancel", "demo", "migrate", "doctor"],
)
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://shop:sec%ret@127.0.0.1:1/shop",
        "postgresql://shop:sec@ret@127.0.0.1:1/shop",
        "postgresql://shop:sec/ret@127.0.0.1:1/shop",
        "postgresql://shop:sec#ret@127.0.0.1:1/shop",
        "postgresql://shop:sec[ret@127.0.0.1:1/shop",
        "postgresql://shop:secret@127.0.0.1:1/shop",
        "postgresql://shop@127.0.0.1:1/shop?password=secret",
        "postgresql://shop:sec\u2100ret@127.0.0.1:1/shop",
        "postgress://shop:secret@127.0.0.1:1/shop",
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_without_its_password(
    perdure: CommandLine, command: str, address: str
) -> None:
    ids = [] if command in ("list", "demo", "migrate", "doctor") else ["process_payment@1"]
    printed = perdure(command, *ids, "--journal", address)
    assert (printed.status, printed.out) == (1, "")
    assert len(printed.err.splitlines()) == 1
    assert "127.0.0.1:1" in printed.err
    assert "sec" not in printed.err
    assert "ret@" not in printed.err


def test_a_wrong_password_is_told_without_it(perdure: CommandLine, url: str) -> None:
    parts = urlsplit(url)
    assert parts.password is not None
    wrong = url.replace(parts.password, "wrong-secret")
    printed = perdure("list", "--journal", wrong)
    assert printed.status == 1
    assert "access is denied" in printed.err or "password authentication failed" in printed.err
    assert "wrong-secret" not in printed.err


def test_a_schema_without_a_journal_is_one_line_and_left_alone(
    perdure: CommandLine, url: str, postgres_database: str
) -> None:
    printed = perdure("list", "--journal", url)
    assert (printed.status, printed.out) == (1, "")
    assert "no journal is there" in printed.err
    with psycopg.connect(postgres_database) as connection:
        schema = url.rpartition("=")[2]
        found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
        assert found.fetchone() is None


def test_the_demo_shows_its_address_without_the_password(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    async def no_day(plan: Plan, watcher: Watcher) -> Evening:
        assert plan.journal == url
        return evening()

    monkeypatch.setattr(day, "a_day", no_day)
    printed = perdure("demo", "--orders", "9", "--journal", url)
    password = urlsplit(url).password
    assert password is not None
    assert password not in printed.out + printed.err
    assert f"a worker on {without_password(url)}," in printed.out


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://shop:s@host/db?schema=a", "postgresql://shop@host/db?schema=a"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://:s@host/db", "postgresql://@host/db"),
        ("postgresql://host/db?password=s&schema=a", "postgresql://host/db?schema=a"),
        ("postgresql://host/db?schema=a&password=s", "postgresql://host/db?schema=a"),
        ("sqlite:////data/a:b@c.db", "sqlite:////data/a:b@c.db"),
        ("memory://orders", "memory://orders"),
    ],
)
def test_of_an_address_everything_is_shown_but_the_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
