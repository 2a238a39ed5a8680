"""Runs and tags on the command line: what is found by them, and which run an id means."""

import asyncio
import json

import pytest

from perdure import ExecutionParked, Failure, activity, connect, open_engine, suspend, workflow
from perdure.infrastructure.journals import open_journal
from tests.command_line.conftest import CommandLine


class NoLamp(Failure):
    colour: str


@activity(raises=[NoLamp])
async def fetch_lamp(colour: str) -> None:
    if colour == "blue":
        raise NoLamp(colour=colour)


@workflow(key=lambda colour: "lamp", raises=[NoLamp], run_again="after_failure")
async def fetch(colour: str) -> str:
    await fetch_lamp(colour)
    await suspend("who pays?")
    return colour


@pytest.fixture
def fetched(url: str) -> str:
    """A journal with two runs of one key: the first has failed, the second is suspended."""

    async def fetch_twice() -> None:
        async with open_engine(url, [fetch]) as engine:
            with pytest.raises(NoLamp):
                await engine.execute(fetch, "blue", tags={"customer": "Zoë Quay"})
            with pytest.raises(ExecutionParked):
                await engine.execute(fetch, "red", tags={"customer": "c-1", "channel": "web"})

    asyncio.run(fetch_twice())
    return url


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--tag", "customer=c-1"], ["fetch@lamp~2"]),
        (["--tag", "customer=Zoë Quay"], ["fetch@lamp"]),
        (["--tag", "customer=c-1", "--tag", "channel=web"], ["fetch@lamp~2"]),
        (["--tag", "customer=c-1", "--state", "failed"], []),
        (["--tag", "customer=c"], []),
    ],
)
def test_what_bears_all_tags_is_listed(
    perdure: CommandLine, fetched: str, options: list[str], ids: list[str]
) -> None:
    printed = perdure("list", "--journal", fetched, "--json", *options)
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["id"] for row in rows] == ids
    assert all(row["tags"]["customer"] in ("c-1", "Zoë Quay") for row in rows)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tag", "customer"], "say NAME=VALUE"),
        (["--tag", "customer=a", "--tag", "customer=b"], "each name once"),
        (["--tag", "two words=x"], "'two words'"),
        (["--tag", "customer="], "printable"),
    ],
)
def test_a_tag_that_nothing_can_bear_is_bad_usage(
    perdure: CommandLine, fetched: str, options: list[str], told: str
) -> None:
    printed = perdure("list", "--journal", fetched, *options)
    assert (printed.status, printed.out) == (2, "")
    assert told in " ".join(printed.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("fetch@lamp", ("suspended", "run 2 of 2; the first: fetch@lamp~1", "channel=web")),
        ("fetch@lamp~2", ("suspended", "run 2 of 2; the first: fetch@lamp~1", "customer=c-1")),
        ("fetch@lamp~1", ("failed", "run 1 of 2", "customer=Zoë Quay")),
    ],
)
def test_show_and_history_tell_of_the_run_that_is_meant(
    perdure: CommandLine, fetched: str, typed: str, told: tuple[str, str, str]
) -> None:
    state, run, tags = told
    printed = perdure("show", typed, "--journal", fetched)
    head, _, second, third, *_ = (line.strip() for line in printed.out.splitlines())
    assert head.split()[1] == state
    assert second == run
    assert tags in third
    [started, *_] = perdure("history", typed, "--journal", fetched, "--json").out.splitlines()
    request = "blue" if state == "failed" else "red"
    assert json.loads(started)["arguments"] == request


def test_a_run_that_is_not_there_is_told_as_unknown(perdure: CommandLine, fetched: str) -> None:
    printed = perdure("show", "fetch@lamp~3", "--journal", fetched)
    assert printed.status == 1
    assert "fetch@lamp~3" in printed.err


@pytest.mark.parametrize(
    ("typed", "outcome", "run"),
    [
        ("fetch@lamp", "posted", "fetch@lamp~2"),
        ("fetch@lamp~2", "posted", "fetch@lamp~2"),
        ("fetch@lamp~1", "refused", "fetch@lamp"),
    ],
)
def test_a_cancel_is_for_the_run_that_is_meant(
    perdure: CommandLine, fetched: str, typed: str, outcome: str, run: str
) -> None:
    options = ("--journal", fetched, "--json", "--wait", "0")
    [told] = perdure("cancel", typed, *options).out.splitlines()
    assert (json.loads(told)["outcome"], json.loads(told)["id"]) == (outcome, run)


def test_an_order_to_all_that_bear_a_tag_reaches_them(perdure: CommandLine, fetched: str) -> None:
    options = ("--where", "tag.customer~C-1", "--dry-run", "--journal", fetched, "--json")
    [told] = perdure("resume", *options).out.splitlines()
    assert json.loads(told)["id"] == "fetch@lamp~2"


def test_an_order_that_names_the_first_run_is_seen_to_wait_for_it(
    perdure: CommandLine, url: str
) -> None:
    async def order() -> None:
        async with open_engine(url, [fetch]) as engine:
            with pytest.raises(ExecutionParked):
                await engine.execute(fetch, "red")
        async with connect(url, reply_timeout=0) as client:
            with pytest.raises(TimeoutError):
                await client.handle("fetch@lamp~1").cancel("nobody pays")

    asyncio.run(order())
    options = ("--journal", url, "--json", "--wait", "0")
    [told] = perdure("cancel", "fetch@lamp", *options).out.splitlines()
    assert json.loads(told)["why"] == (
        "this order to it waits for an engine already; nothing more was posted"
    )


def test_an_order_to_a_run_that_was_seen_is_posted_to_that_run(
    perdure: CommandLine, url: str
) -> None:
    async def suspended() -> None:
        async with open_engine(url, [fetch]) as engine:
            with pytest.raises(ExecutionParked):
                await engine.execute(fetch, "red")

    async def posted() -> list[str]:
        journal = await open_journal(url, read_only=True)
        waiting = [each.execution_id for each in await journal.envelopes(0, 10)]
        await journal.close()
        return waiting

    asyncio.run(suspended())
    perdure("cancel", "fetch@lamp", "--journal", url, "--wait", "0")
    assert asyncio.run(posted()) == ["fetch@lamp~1"]
