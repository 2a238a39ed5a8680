"""What is changed, moved, or read by another key than it was written by: it is told, and parked."""

from collections.abc import Callable

import pytest

from perdure import ExecutionParked, Keys, Undecodable, connect
from perdure.domain.states import Suspended
from perdure.infrastructure.journals import open_journal
from tests.encryption.rings import NEW, OLD
from tests.encryption.shop import SECRET, BuyLamp, buy_lamp
from tests.encryption.stores import Stolen, in_flight
from tests.engine.shop import find

RING = Keys({"old": OLD, "new": NEW})
A, B = "find@o-1", "find@o-2"
DOES_NOT_FIT = (
    "the key 'old' does not open it: either another key has that id here, or what is stored was "
    "changed, or moved from another place"
)


def body_of(stolen: Stolen, execution_id: str, version: int) -> bytes:
    [(body,)] = stolen.execute(
        "SELECT body FROM events WHERE execution_id = %s AND version = %s", execution_id, version
    )
    assert isinstance(body, bytes)
    return body


def put(stolen: Stolen, execution_id: str, version: int, column: str, value: object) -> None:
    stolen.execute(
        f"UPDATE events SET {column} = %s WHERE execution_id = %s AND version = %s",
        value,
        execution_id,
        version,
    )


def flip_a_bit(stolen: Stolen) -> None:
    body = body_of(stolen, A, 2)
    put(stolen, A, 2, "body", body[:-20] + bytes([body[-20] ^ 1]) + body[-19:])


def flip_a_bit_of_the_nonce(stolen: Stolen) -> None:
    body = body_of(stolen, A, 2)
    put(stolen, A, 2, "body", bytes([body[0] ^ 128]) + body[1:])


def cut_it_short(stolen: Stolen) -> None:
    put(stolen, A, 2, "body", body_of(stolen, A, 2)[:5])


def take_the_other_stream(stolen: Stolen) -> None:
    put(stolen, A, 2, "body", body_of(stolen, B, 2))


def take_another_version(stolen: Stolen) -> None:
    put(stolen, A, 2, "topic", "ExecutionStarted")
    put(stolen, A, 2, "body", body_of(stolen, A, 1))


def change_the_topic(stolen: Stolen) -> None:
    put(stolen, A, 2, "topic", "ExecutionResumed")


TAMPERINGS: dict[Callable[[Stolen], None], str] = {
    flip_a_bit: DOES_NOT_FIT,
    flip_a_bit_of_the_nonce: DOES_NOT_FIT,
    cut_it_short: DOES_NOT_FIT,
    take_the_other_stream: DOES_NOT_FIT,
    take_another_version: DOES_NOT_FIT,
    change_the_topic: DOES_NOT_FIT,
    lambda stolen: put(stolen, A, 2, "key_id", "new"): DOES_NOT_FIT.replace("old", "new"),
    lambda stolen: put(stolen, A, 2, "key_id", None): "",  # what bytes by chance say is told
}


@pytest.mark.parametrize(("tamper", "why"), TAMPERINGS.items())
async def test_a_row_that_was_changed_parks_its_execution_alone(
    stolen: Stolen, tamper: Callable[[Stolen], None], why: str
) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1", "o-2")
    tamper(stolen)
    async with stolen.place.engine(find, keys=RING) as engine:
        with pytest.raises(ExecutionParked) as parked:
            await engine.handle(A).result(timeout=10)
        assert await engine.handle(B).result(timeout=10) == "the price"
    assert parked.value.state == "blocked"
    assert f"{A}: event 2 (" in parked.value.reason
    assert why in parked.value.reason


async def test_another_key_of_the_same_id_parks_and_the_right_one_goes_on(stolen: Stolen) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1")
    async with stolen.place.engine(find, keys=Keys({"old": NEW})) as engine:
        with pytest.raises(ExecutionParked) as parked:
            await engine.handle(A).result(timeout=10)
        assert DOES_NOT_FIT in parked.value.reason
    async with stolen.place.engine(find, keys=RING) as engine:
        assert await engine.handle(A).result(timeout=10, on_parked="wait") == "the price"


async def test_an_order_that_was_changed_is_refused(stolen: Stolen) -> None:
    # behaviour 64
    async with connect(stolen.place.url, keys=RING) as client:
        changed, other = [await client.start(find, name) for name in ("o-1", "o-2")]
        [(body,)] = stolen.execute("SELECT body FROM mailbox WHERE execution_id = %s", B)
        stolen.execute("UPDATE mailbox SET body = %s WHERE execution_id = %s", body, A)
        async with stolen.place.engine(find, keys=RING):
            with pytest.raises(Undecodable) as refused:
                await changed.accepted()
            assert await other.result(timeout=10) == "the price"
    assert (refused.value.execution_id, refused.value.what) == (A, "the order to start")
    assert refused.value.why == DOES_NOT_FIT


async def test_a_reply_that_was_changed_is_told(stolen: Stolen) -> None:
    # behaviour 64
    async with (
        stolen.place.engine(find, keys=RING),
        connect(stolen.place.url, keys=RING) as client,
    ):
        handles = [await client.start(find, name) for name in ("o-1", "o-2")]
        for handle in handles:  # by others, which have not read the replies
            assert await client.handle(handle.id).result(timeout=10) == "the price"
        [(reply,)] = stolen.execute("SELECT reply FROM mailbox WHERE execution_id = %s", B)
        stolen.execute("UPDATE mailbox SET reply = %s WHERE execution_id = %s", reply, A)
        with pytest.raises(Undecodable, match="the reply to the order to start") as told:
            await handles[0].accepted()
        await handles[1].accepted()
    assert told.value.why == DOES_NOT_FIT


def another_reason(reason: str, others: str) -> str:
    return others


def a_changed_reason(reason: str, others: str) -> str:
    return reason[:-8] + "AAAAAAA="


@pytest.mark.parametrize("tamper", [another_reason, a_changed_reason])
async def test_a_reason_that_was_changed_is_told_in_its_place(
    stolen: Stolen, tamper: Callable[[str, str], str]
) -> None:
    # behaviour 64
    async with stolen.place.engine(buy_lamp, keys=RING) as engine:
        for name in ("o-2", "o-1"):
            request = BuyLamp(order_id=name, card=SECRET, fate="wait")
            handle = await engine.start(buy_lamp, request)
            with pytest.raises(ExecutionParked):
                await handle.result(timeout=10)
    rows = stolen.execute("SELECT reason FROM executions ORDER BY execution_id")
    changed = tamper(*[str(reason) for (reason,) in rows])
    stolen.execute("UPDATE executions SET reason = %s WHERE execution_id = %s", changed, handle.id)
    journal = await open_journal(stolen.place.url, read_only=True, keys=RING)
    row = (await journal.rows([handle.id]))[handle.id]
    await journal.close()
    assert row.reason == f"(the reason cannot be read: {DOES_NOT_FIT})"
    async with stolen.place.engine(buy_lamp, keys=RING) as engine:
        assert await engine.handle(handle.id).status() == Suspended(f"ask the owner of {SECRET}")


async def test_a_reason_that_only_looks_sealed_is_shown_as_it_is(stolen: Stolen) -> None:
    async with stolen.place.engine(buy_lamp) as engine:
        handle = await engine.start(buy_lamp, BuyLamp(order_id="o-1", card="", fate="wait"))
        with pytest.raises(ExecutionParked):
            await handle.result(timeout=10)
    stolen.execute("UPDATE executions SET reason = 'sealed:by hand: with wax'")
    journal = await open_journal(stolen.place.url, read_only=True)
    assert (await journal.rows([handle.id]))[handle.id].reason == "sealed:by hand: with wax"
    await journal.close()
