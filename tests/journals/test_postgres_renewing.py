"""Renewing a lease: what is told when the server's answer comes too late for its holder."""

import threading
from contextlib import closing

import pytest

from perdure.infrastructure.clock import ServerClock
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.renewing import Renewing
from tests.journals.contenders import Contender
from tests.journals.stores import PostgresStore
from tests.postgres.schemas import Lend

LEASE_SECONDS = 0.6
PATIENCE_SECONDS = 15


@pytest.mark.parametrize("late", [False, True])
def test_a_lease_that_was_over_for_its_holder_is_lost_though_it_could_be_renewed(
    postgres_database: str, postgres_lend: Lend, *, late: bool
) -> None:
    # A process was frozen until its lease was over for it, and not yet for the server.
    store = PostgresStore(postgres_database, postgres_lend())
    asked, answered = [0], threading.Event()

    def now() -> float:
        asked[0] += 1
        if asked[0] == 2:  # after the first answer
            answered.set()
        return LEASE_SECONDS if late else LEASE_SECONDS / 3

    with closing(Contender(store, iter(()))) as contender:
        contender.take()
        assert contender.tenure is not None
        database, runner = database_of(store.url), contender.tenure.runner
        before = set(threading.enumerate())
        renewing = Renewing(
            database, runner, LEASE_SECONDS, begun=0.0, now=now, clock=ServerClock()
        )
        [thread] = set(threading.enumerate()) - before
        until = renewing.until
        assert answered.wait(PATIENCE_SECONDS)
        renewing.close()
        thread.join(PATIENCE_SECONDS)
        assert (renewing.over, renewing.until == until) == (late, late)
        contender.leave()
    store.close()
