"""A new incarnation of a journal on PostgreSQL: whoever had it before has it no more."""

import asyncio

import pytest

from perdure.domain.errors import LostLease
from perdure.infrastructure.errors import OutdatedJournal
from perdure.infrastructure.keepers import keeper_of
from perdure.infrastructure.postgres.restoring import EPOCH_BITS
from tests.journals.stores import PostgresStore
from tests.journals.submissions import lengths, payment, start, step

A, B = payment(1), payment(2)
PATIENCE_SECONDS = 15


async def test_a_runner_whose_lease_still_lives_is_fenced(server: PostgresStore) -> None:
    # behaviour 49
    journal = await server.open()
    await journal.append([start(A)])
    assert "fenced: engine, " in keeper_of(server.url).begin_anew()
    with pytest.raises(LostLease):
        await journal.append([start(B)])
    assert await lengths(journal, A, B) == {A: 2}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not journal.lease.held:
            await journal.lease.changed()
    assert await journal.append([start(B)]) == [True]
    await journal.close()
    [(incarnation,)] = server.execute("SELECT incarnation FROM journal")
    epochs = dict(server.execute("SELECT execution_id, epoch >> %s FROM events", (EPOCH_BITS,)))
    assert epochs == {A: 0, B: incarnation}


@pytest.mark.parametrize("part", ["runner", "owner", "epoch"])
async def test_each_part_of_an_old_tenure_alone_gives_it_away(
    server: PostgresStore, part: str
) -> None:
    """Whatever of its rows a restore has brought back."""
    journal = await server.open()
    await journal.append([start(A)])
    before = {
        "runner": server.execute("SELECT runner FROM runner_writer"),
        "owner": server.execute("SELECT DISTINCT owner FROM shard_lease"),
    }
    keeper_of(server.url).begin_anew()
    if part != "runner":
        server.execute("INSERT INTO runner_writer VALUES (%s, 0)", before["runner"][0])
    if part == "epoch":
        server.execute("UPDATE shard_lease SET owner = %s", before["owner"][0])
    with pytest.raises(LostLease):
        await journal.append([step(A, 2)])
    await journal.close()


async def test_a_journal_of_an_older_version_is_migrated_first(server: PostgresStore) -> None:
    await (await server.open()).close()
    server.execute("UPDATE journal SET schema_version = 1")
    with pytest.raises(OutdatedJournal, match="run perdure migrate"):
        keeper_of(server.url).begin_anew()
    assert server.execute("SELECT incarnation FROM journal") == [(0,)]
