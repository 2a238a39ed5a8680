"""The commands on an encrypted journal: with its keys as ever, without them they say what lacks."""

import asyncio
import json

import pytest

from perdure import ExecutionParked, Keys
from perdure.infrastructure.keys import keys_from_environment
from tests.command_line.conftest import CommandLine, perdure
from tests.encryption.rings import OLD, OLD_TEXT
from tests.encryption.shop import SECRET, BuyLamp, buy_lamp
from tests.encryption.stores import Stolen

__all__ = ["perdure"]  # a fixture

REASON = f"ask the owner of {SECRET}"
NO_KEYS = "the key 'old', and no keys are given here; set PERDURE_KEYS or PERDURE_KEY_FILE"


@pytest.fixture
def url(stolen: Stolen) -> str:
    """A journal in which one execution has ended, and one waits for somebody."""

    async def lived() -> None:
        async with stolen.place.engine(buy_lamp, keys=Keys({"old": OLD})) as engine:
            await engine.execute(buy_lamp, BuyLamp(order_id="1", card=SECRET))
            handle = await engine.start(buy_lamp, BuyLamp(order_id="2", card=SECRET, fate="wait"))
            with pytest.raises(ExecutionParked):
                await handle.result(timeout=10)

    asyncio.run(lived())
    return stolen.place.url


@pytest.fixture
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEYS", f"old:{OLD_TEXT}")


@pytest.mark.usefixtures("_keys")
def test_with_keys_everything_is_read_and_ordered(perdure: CommandLine, url: str) -> None:
    # behaviour 64
    to = ("--journal", url)
    listed = [json.loads(line) for line in perdure("list", *to, "--json").out.splitlines()]
    reasons = {row["id"]: (row["state"], row["reason"]) for row in listed}
    assert reasons == {"buy_lamp@1": ("succeeded", ""), "buy_lamp@2": ("suspended", REASON)}
    assert REASON in perdure("show", "buy_lamp@2", *to).out
    assert f"shipped to {SECRET}" in perdure("history", "buy_lamp@1", *to).out
    planned = perdure("plan", "buy_lamp@2", *to)
    assert (planned.status, planned.err) == (0, "")
    found = perdure("resume", "--where", "reason~owner", *to, "--dry-run", "--json").out
    assert [json.loads(line)["id"] for line in found.splitlines()] == ["buy_lamp@2"]
    posted = perdure("cancel", "buy_lamp@2", *to, "--reason", SECRET, "--wait", "0")
    assert posted.status == 3  # it waits for an engine


def test_without_keys_states_are_listed_and_what_lacks_is_told(
    perdure: CommandLine, url: str
) -> None:
    # behaviour 64
    to = ("--journal", url)
    listed = perdure("list", *to, "--json")
    rows = {row["id"]: row for row in map(json.loads, listed.out.splitlines())}
    assert rows["buy_lamp@1"]["state"] == "succeeded"
    told = f"(the reason cannot be read: it is encrypted by {NO_KEYS})"
    assert (rows["buy_lamp@2"]["state"], rows["buy_lamp@2"]["reason"]) == ("suspended", told)
    assert "it is encrypted by the key 'old'" in perdure("list", *to).out
    for command in ("show", "history", "plan"):
        printed = perdure(command, "buy_lamp@2", *to)
        assert (printed.status, printed.out) == (1, "")
        assert f"event 1 (ExecutionStarted) cannot be read (it is encrypted by {NO_KEYS})" in (
            " ".join(printed.err.split())
        )
    for order in (("resume",), ("cancel",), ("resolve", "retry")):
        printed = perdure(*order, "buy_lamp@2", *to, "--wait", "0")
        assert printed.status == 1
        assert SECRET not in printed.out + printed.err
    assert "what is stored there is encrypted, and no keys are given" in printed.err


def test_bad_keys_are_one_line_without_any_key(
    perdure: CommandLine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 64
    monkeypatch.setenv("PERDURE_KEYS", f"{OLD_TEXT}:old")
    printed = perdure("list", "--journal", url)
    assert (printed.status, printed.out) == (1, "")
    assert "PERDURE_KEYS: the id of key 1 cannot be one" in printed.err
    assert OLD_TEXT[:16] not in printed.err


def test_a_new_key_can_be_used_as_it_is_printed(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 64
    first, second = (perdure("keys", "new").out.strip() for _ in range(2))
    monkeypatch.setenv("PERDURE_KEYS", f"{first},{second}")
    ring = keys_from_environment()
    assert ring is not None
    assert ring.current()[0] == first.partition(":")[0]
    assert perdure("keys", "old").status == 2
