"""What tests of a server that fails share: to try again, to wait for locks, to look for gaps."""

import asyncio

from perdure.domain.errors import JournalUnavailable, LostLease
from perdure.domain.journal import Journal, Submission
from tests.journals.stores import PostgresStore

PATIENCE_SECONDS = 15


async def patiently(journal: Journal, submissions: list[Submission]) -> list[bool]:
    """As the committer does: the same again until it can be stored, and the lease is there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return list(await journal.append(submissions))
            except JournalUnavailable:
                await turn()
            except LostLease:  # on a slow machine it may end meanwhile
                while not journal.lease.held:
                    await journal.lease.changed()


async def turn() -> None:
    await asyncio.sleep(0)


def positions(server: PostgresStore) -> dict[object, list[object]]:
    """Those of each shard, in their order."""
    found: dict[object, list[object]] = {}
    for shard, position in server.execute("SELECT shard, position FROM events ORDER BY 1, 2"):
        found.setdefault(shard, []).append(position)
    return found


def check_gapless(server: PostgresStore) -> None:
    for shard, found in positions(server).items():
        assert found == list(range(1, len(found) + 1)), shard


def wait_until_blocked(store: PostgresStore, connections: int, name: str = "perdure") -> None:
    """Returns when so many connections of such a name wait for a lock."""
    for _ in range(10_000):
        [(found,)] = store.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, %s) "
            "AND wait_event_type = 'Lock' AND datname = current_database()",
            (name,),
        )
        if found == connections:
            return
    raise AssertionError(f"{found} wait for a lock, not {connections}")
