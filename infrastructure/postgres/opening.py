"""From an address to a journal on PostgreSQL, or to a client's post office of one."""

from perdure.domain.journal import Journal
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.journal import PostgresJournal
from perdure.infrastructure.postgres.post_office import PostgresPostOffice
from perdure.infrastructure.sealing import Sealer


async def open_journal(
    url: str, *, read_only: bool, lease_seconds: float, sealer: Sealer
) -> Journal:
    """Raises BadAddress, and what opening it raises."""
    return await PostgresJournal.open(
        database_of(url), read_only=read_only, lease_seconds=lease_seconds, sealer=sealer
    )


async def open_post_office(url: str, *, sealer: Sealer) -> PostOffice:
    """Likewise."""
    return await PostgresPostOffice.open(database_of(url), sealer=sealer)
