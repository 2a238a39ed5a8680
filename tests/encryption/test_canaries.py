"""No payload lies in a journal in clear text, wherever it came from; without keys each does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure import (
    CancelledExecution,
    Client,
    DifferentRequest,
    ExecutionParked,
    Handle,
    KeyRing,
    Keys,
    RetriesExhausted,
    connect,
)
from tests.encryption.rings import OLD
from tests.encryption.shop import SECRET, BuyLamp, LampIsGone, buy_lamp
from tests.encryption.stores import Stolen, StolenFile, StolenServer
from tests.postgres.server import Server

RING = Keys({"2026-11": OLD})


@pytest.fixture(params=["sqlite", "postgres"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Stolen:
    """The whole of a disk, of a server too."""
    if request.param == "postgres":
        server: Callable[[], Server] = request.getfixturevalue("postgres_server")
        return StolenServer(server())
    return StolenFile(tmp_path)


async def a_day_of(stolen: Stolen, keys: KeyRing | None) -> bytes:
    """Everything that can be said is said; what was stored, while the engine ran and after."""
    async with (
        stolen.place.engine(buy_lamp, keys=keys),
        connect(stolen.place.url, keys=keys) as client,
    ):
        bought = await ordered(client, "bought")
        assert await bought.result(timeout=10) == f"shipped to {SECRET}"
        with pytest.raises(DifferentRequest):
            await (await ordered(client, "bought", fate="wait")).accepted()
        with pytest.raises(LampIsGone, match=SECRET):
            await (await ordered(client, "gone", fate="gone")).result(timeout=10)
        unlucky = await ordered(client, "unlucky", fate="gone")
        with pytest.raises(ExecutionParked, match=f"no refund for {SECRET}"):
            await unlucky.result(timeout=10)
        await unlucky.resolve("by_hand", reason=f"paid back to {SECRET}")
        with pytest.raises(LampIsGone):
            await unlucky.result(timeout=10)
        waits = await ordered(client, "waits", fate="wait")
        with pytest.raises(ExecutionParked, match=SECRET):
            await waits.result(timeout=10)
        again = await ordered(client, "again", fate="wait")
        with pytest.raises(ExecutionParked):
            await again.result(timeout=10)
        await again.resume(f"the owner of {SECRET} agrees")
        assert SECRET in await again.result(timeout=10)
        with pytest.raises(RetriesExhausted, match="cannot ship"):
            await (await ordered(client, "defect", fate="defect")).result(timeout=10)
        await waits.cancel(f"the owner of {SECRET} is away")
        with pytest.raises(CancelledExecution, match=SECRET):
            await waits.result(timeout=10)
        running = stolen.everything()
    async with connect(stolen.place.url, keys=keys) as client:
        await ordered(client, "later")  # an order that no engine takes
        running += stolen.everything()
    return running + stolen.everything()


async def ordered(client: Client, order_id: str, fate: str = "bought") -> Handle[Any]:
    return await client.start(buy_lamp, BuyLamp(order_id=order_id, card=SECRET, fate=fate))


async def test_nothing_that_was_said_is_found_in_what_is_stored(disk: Stolen) -> None:
    # behaviour 64; invariant I16
    found = await a_day_of(disk, RING)
    assert b"unlucky" in found  # keys of executions are searched for, and stay as they are
    for form in (SECRET.encode(), SECRET.encode().hex().encode(), b"CANARY"):
        assert form not in found


async def test_without_keys_all_of_it_is_found(disk: Stolen) -> None:
    found = await a_day_of(disk, None)
    for said in (
        b'"card":"%s"',
        b'"charged %s"',
        b'"no lamp for %s"',
        b"no refund for %s",
        b"ask the owner of %s",
        b"paid back to %s",
        b"the owner of %s agrees",
        b"the owner of %s is away",
        b"cannot ship to %s",
    ):
        assert said % SECRET.encode() in found, said
