"""A flush whose answer was lost is known again, although it is encrypted anew at each try."""

from collections.abc import AsyncIterator

import pytest

from perdure.domain.errors import JournalUnavailable
from perdure.domain.journal import Journal
from perdure.infrastructure.journals import open_journal
from tests.encryption.rings import NEW, OLD
from tests.journals.patience import check_gapless, patiently
from tests.journals.stores import PostgresStore
from tests.journals.submissions import change, lengths, payment, start, step
from tests.postgres.proxy import Proxy

A, B, C = payment(1), payment(2), payment(3)


class Rotating:
    """A ring whose current key is another one as soon as somebody says so."""

    def __init__(self) -> None:
        self.keys = {"old": OLD, "new": NEW}
        self.now = "old"

    def current(self) -> tuple[str, bytes]:
        return self.now, self.keys[self.now]

    def key(self, key_id: str) -> bytes | None:
        return self.keys.get(key_id)


@pytest.fixture
def ring() -> Rotating:
    return Rotating()


@pytest.fixture
async def journal(server: PostgresStore, proxy: Proxy, ring: Rotating) -> AsyncIterator[Journal]:
    url = PostgresStore(proxy.url, server.schema).url
    journal = await open_journal(url, lease_seconds=1.5, keys=ring)
    yield journal
    proxy.heal()
    await journal.close()


@pytest.mark.parametrize("rotated", [False, True])
async def test_an_encrypted_flush_whose_answer_was_lost_is_read_back(
    journal: Journal, server: PostgresStore, proxy: Proxy, ring: Rotating, *, rotated: bool
) -> None:
    # behaviours 1, 51, 64
    await journal.append([start(A), start(C)])
    proxy.lose_reply(B.encode())
    batch = [start(C), start(B), step(A, 2), change(A, state="stuck", reason="no refund")]
    with pytest.raises(JournalUnavailable, match="connection was lost"):
        await journal.append(batch)
    assert proxy.lost.is_set()
    if rotated:
        ring.now = "new"
    proxy.heal()
    assert await patiently(journal, batch) == [False, True, True, True]
    assert await journal.append([step(B, 2), step(A, 4)]) == [True, True]
    assert await lengths(journal, A, B) == {A: 6, B: 4}
    assert (await journal.rows([A]))[A].reason == "no refund"
    last = [("new" if rotated else "old",)]
    assert server.execute("SELECT key_id FROM events WHERE version = 6") == last
    assert server.execute("SELECT DISTINCT key_id FROM events WHERE version <= 2") == [("old",)]
    check_gapless(server)


async def test_an_encrypted_flush_that_never_arrived_is_stored_by_the_key_of_its_last_try(
    journal: Journal, server: PostgresStore, proxy: Proxy, ring: Rotating
) -> None:
    # behaviours 51, 64
    await journal.append([start(A)])
    proxy.lose_request(B.encode())
    batch = [start(B), step(A, 2)]
    with pytest.raises(JournalUnavailable):
        await journal.append(batch)
    ring.now = "new"
    proxy.heal()
    assert await patiently(journal, batch) == [True, True]
    assert await lengths(journal, A, B) == {A: 4, B: 2}
    found = server.execute("SELECT DISTINCT key_id FROM events WHERE execution_id = %s", (B,))
    assert found == [("new",)]
    check_gapless(server)


async def test_another_flush_after_an_encrypted_one_in_doubt_goes_its_own_way(
    journal: Journal, server: PostgresStore, proxy: Proxy
) -> None:
    # behaviour 64
    await journal.append([start(A)])
    proxy.lose_reply(B.encode())
    with pytest.raises(JournalUnavailable):
        await journal.append([start(B)])
    proxy.heal()
    assert await patiently(journal, [step(A, 2), start(B), start(C)]) == [True, False, True]
    assert await lengths(journal, A, B, C) == {A: 4, B: 2, C: 2}
    check_gapless(server)
