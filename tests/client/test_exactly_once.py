"""An order is carried out exactly once, whatever dies or forgets in between."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from perdure import Client, ClientClosed, EngineStopped, Failure, Handle, connect
from perdure.domain.errors import ExecutionEnd, JournalUnavailable
from perdure.domain.journal import Submission
from perdure.domain.mailbox import Envelope, PlainOrder, encoded
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.clock import SystemClock, SystemIds
from perdure.infrastructure.journals import open_post_office
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.memory.post_office import MemoryPostOffice
from perdure.sagas.client import Client as AnyClient
from tests.engine.places import Camera, Place, engine_in, kinds, turn
from tests.engine.shop import ProcessPayment, find, process_payment, world

ORDER = ProcessPayment(order_id="o-1")
KNOWN = (process_payment,)
PATIENCE_SECONDS = 10

pytestmark = pytest.mark.every_python


def client_of(office: PostOffice) -> Client:
    return AnyClient(office, clock=SystemClock(), ids=SystemIds())


async def ended(handle: Handle[str]) -> None:
    with suppress(Failure, ExecutionEnd):
        await handle.result(timeout=PATIENCE_SECONDS)


async def test_a_crash_after_any_commit_carries_no_order_out_twice() -> None:
    camera = Camera()
    office = MemoryPostOffice(camera.journal.log)
    async with client_of(office) as client, engine_in(camera.journal, process_payment):
        handle = await client.start(process_payment, ORDER)
        camera.after_append([])  # nobody has taken it yet
        await handle.accepted()
        await handle.cancel("never mind")
        await ended(handle)
    assert len(camera.pictures) > 4
    for picture in camera.pictures:
        world.empty()
        journal = MemoryJournal(picture)
        async with client_of(MemoryPostOffice(picture)) as client, engine_in(journal, *KNOWN):
            handle = client.handle(handle.id)
            await ended(handle)
            assert not picture.mailbox.open
            recorded = await kinds(handle)
        assert recorded.count("ExecutionStarted") == 1
        assert recorded.count("CancellationRequested") <= 1
        assert world.times_done("charge") <= 1


class Forgetful:
    """Stores what is appended, and says that it could not, as often as it is told."""

    def __init__(self, times: int) -> None:
        self.left = times

    def before_append(self, submissions: Sequence[Submission]) -> None:
        """Nothing is lost before."""

    def after_append(self, submissions: Sequence[Submission]) -> None:
        if self.left and any(each.settles for each in submissions):
            self.left -= 1
            raise JournalUnavailable("the answer to this commit was lost")


@pytest.mark.parametrize("times", [1, 3])
async def test_the_answer_to_the_engines_commit_may_be_lost(times: int) -> None:
    log = Log()
    journal = MemoryJournal(log, faults=Forgetful(times))
    gate = world.hold("code")
    async with client_of(MemoryPostOffice(log)) as client, engine_in(journal, *KNOWN):
        handle = await client.start(process_payment, ORDER)
        await handle.accepted()
        await gate.entered()
        await handle.cancel("never mind")
        gate.open()
        await ended(handle)
        recorded = await kinds(handle)
    assert recorded.count("ExecutionStarted") == 1
    assert recorded.count("CancellationRequested") == 1
    assert not log.mailbox.open


class Doubtful(MemoryPostOffice):
    """Stores what is posted, and says that it could not, as often as it is told."""

    left = 2
    posted: tuple[str, ...] = ()

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        await super().post(envelopes)
        self.posted += tuple(envelope.id for envelope in envelopes)
        if self.left:
            self.left -= 1
            raise JournalUnavailable("the answer to this commit was lost")


async def test_the_answer_to_the_clients_commit_may_be_lost() -> None:
    log = Log()
    office = Doubtful(log)
    async with client_of(office) as client, asyncio.timeout(PATIENCE_SECONDS):
        handle = await client.start(process_payment, ORDER)
        assert len(office.posted) == 3
        assert len(set(office.posted)) == 1
        async with engine_in(MemoryJournal(log), process_payment):
            assert await handle.result()
            office.left = 1
            await handle.cancel()  # after the end it has no effect, and is answered all the same
    assert len(log.mailbox.settled) == 2
    assert world.times_done("charge") == 1


async def test_an_envelope_that_was_settled_is_not_carried_out_when_it_comes_again(
    place: Place,
) -> None:
    # behaviour 36
    office = await open_post_office(place.url)
    async with client_of(office) as client, place.engine(process_payment):
        handle = await client.start(process_payment, ORDER)
        await handle.result(timeout=PATIENCE_SECONDS)
        [start] = [e for e in await handle.history() if e.kind == "ExecutionStarted"]
        assert start.version == 1
        body = encoded(PlainOrder(reason="twice"))
        envelope = Envelope(SystemIds().new(), 0, handle.id, "resume", body, 0)
        await office.post([envelope])
        while not await office.replies([envelope]):
            await turn()
        before = await office.replies([envelope])
        await office.post([envelope, replace(envelope, body=b"{}")])
        await client.start(process_payment, ORDER)
        assert await office.replies([envelope]) == before


async def test_orders_to_one_execution_keep_their_order(place: Place) -> None:
    # behaviour 36
    world.hold("price")
    async with connect(place.url) as client:
        handles = [await client.start(find, f"o-{number}") for number in range(20)]
        orders = [asyncio.create_task(handle.cancel("at once")) for handle in handles]
        office = await open_post_office(place.url)
        while len(await office.waiting(handles[-1].id)) < 2:
            await turn()
        await office.close()
        async with asyncio.timeout(PATIENCE_SECONDS), place.engine(find):
            await asyncio.gather(*orders)
            for handle in handles:
                await ended(handle)
                recorded = await kinds(handle)
                assert recorded[0] == "ExecutionStarted"
                assert "CancellationRequested" in recorded


async def test_what_nobody_can_read_is_settled_with_a_reply_that_says_so(place: Place) -> None:
    office = await open_post_office(place.url)
    bad = [
        Envelope("e1", 0, "process_payment@o-1", "start", b"[]", 0),
        Envelope("e2", 0, "process_payment@o-1", "start", b'{"request":{}}', 0),
        Envelope("e3", 0, "no id", "cancel", b'{"reason":""}', 0),
        Envelope("e4", 0, "process_payment@o-1", "sing", b"{}", 0),
        Envelope("e5", 0, "process_payment@o-1", "cancel", b'{"reason":""}', 0),
    ]
    await office.post(bad)
    async with client_of(office) as client, asyncio.timeout(PATIENCE_SECONDS):
        good = await client.start(process_payment, ORDER)
        async with place.engine(process_payment):
            assert await good.result()
            while len(await office.replies(bad)) < len(bad):
                await turn()
            replies = await office.replies(bad)
    for name, word in {
        "e1": "order to start",
        "e2": "request",
        "e3": "no id",
        "e4": "sing",
    }.items():
        assert b'"type":"refused"' in replies[name]
        assert word.encode() in replies[name]
    assert b"UnknownExecution" in replies["e5"]


async def test_a_closed_client_tells_those_who_wait_and_its_orders_stand(place: Place) -> None:
    async with connect(place.url) as client:
        handle = await client.start(find, "o-1")
        waiting = [asyncio.create_task(one) for one in (handle.accepted(), handle.result())]
        await turn()
    for told in waiting:
        with pytest.raises(ClientClosed):
            await told
    with pytest.raises(ClientClosed):
        await client.start(find, "o-2")
    async with connect(place.url) as client, place.engine(find):
        assert await client.handle(handle.id).result(timeout=PATIENCE_SECONDS) == "the price"


async def test_several_may_wait_for_one_reply_and_leave(place: Place) -> None:
    async with connect(place.url) as client, asyncio.timeout(PATIENCE_SECONDS):
        handle = await client.start(find, "o-1")
        leaving = asyncio.create_task(handle.accepted())
        waiting = [asyncio.create_task(use()) for use in (handle.result, handle.accepted)]
        await turn()
        leaving.cancel()
        await asyncio.wait([leaving])
        async with place.engine(find):
            assert await asyncio.gather(*waiting) == ["the price", None]


async def test_an_order_that_an_engine_leaves_is_taken_by_the_next(place: Place) -> None:
    async with connect(place.url) as client, asyncio.timeout(PATIENCE_SECONDS):
        async with place.engine(find) as engine:
            await client.execute(find, "o-1")
        handle = await client.start(find, "o-2")
        with pytest.raises(EngineStopped):
            await engine.start(find, "o-2")
        async with place.engine(find):
            assert await handle.result() == "the price"
