"""Who may append to a journal on a server, as a state machine: the owner, and nobody else ever.

Engines open it, wait for it, close it, and are taken for dead while they live on. The model is one
variable, the owner. How a lease is renewed and runs out is `test_postgres_takeovers`' matter.
"""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from perdure.domain.errors import LostLease
from perdure.domain.journal import Journal
from perdure.infrastructure.journals import open_journal
from perdure.infrastructure.postgres.ear import channel
from perdure.infrastructure.postgres.journal import PostgresJournal
from tests.journals.stores import PostgresStore
from tests.journals.submissions import payment, start

PATIENCE_SECONDS = 20
ENGINES_LIMIT = 6
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SOME = settings(
    max_examples=4,
    stateful_step_count=12,
    derandomize=True,
    database=None,
    suppress_health_check=SLOW,
)
MANY = settings(max_examples=60, stateful_step_count=20, suppress_health_check=SLOW)


class Leases(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, store: PostgresStore) -> None:
        super().__init__()
        self.store = store
        self.loop = asyncio.new_event_loop()
        self.run = self.loop.run_until_complete
        self.waiting: list[asyncio.Task[Journal]] = []
        self.owner: Journal | None = None
        self.expired = False  # the owner's lease, and nobody has taken it yet
        self.past: list[Journal] = []  # taken over, and alive
        self.stored: list[tuple[str, Journal]] = []
        self.number = 0

    @rule()
    @precondition(lambda self: len(self.waiting) + len(self.past) < ENGINES_LIMIT)
    def another_engine_opens_it(self) -> None:
        opening = open_journal(self.store.url, lease_seconds=60)
        self.waiting.append(self.loop.create_task(opening))
        self.run(asyncio.sleep(0))
        if self.owner is None or self.expired:
            self.somebody_takes_it()

    @rule()
    @precondition(lambda self: self.owner is not None and not self.expired)
    def the_owner_closes_it(self) -> None:
        assert self.owner is not None
        self.run(self.owner.close())
        self.owner = None
        if self.waiting:
            self.somebody_takes_it()

    @rule()
    @precondition(lambda self: self.owner is not None and not self.expired)
    def the_lease_of_the_owner_runs_out(self) -> None:
        """It does not know, and could not renew in time."""
        assert isinstance(self.owner, PostgresJournal)
        assert self.owner._ownership is not None
        self.owner._ownership.abandon()
        self.store.execute("UPDATE runner SET expires_at = clock_timestamp() - interval '1 s'")
        self.expired = True
        if self.waiting:
            told = channel(self.store.schema, "lease"), ""
            self.store.execute("SELECT pg_notify(%s, %s)", told)
            self.somebody_takes_it()

    @rule()
    def everybody_appends(self) -> None:
        """The owner, and those that were owners: nothing of theirs is stored."""
        for engine in [*self.past, *([self.owner] if self.owner else [])]:
            self.number += 1
            name = payment(self.number)
            if engine is self.owner:
                assert self.run(engine.append([start(name)])) == [True]
                self.stored.append((name, engine))
            else:
                with pytest.raises(LostLease):
                    self.run(engine.append([start(name)]))

    @rule()
    def those_who_wait_go_on_waiting(self) -> None:
        if self.owner is not None and not self.expired and self.waiting:
            self.run(asyncio.wait(self.waiting, timeout=0.01))
            assert not any(each.done() for each in self.waiting), "there are two owners"

    def somebody_takes_it(self) -> None:
        """One of those who wait, and only one."""
        done, _ = self.run(
            asyncio.wait(
                self.waiting,
                timeout=PATIENCE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        )
        [taker] = done
        self.waiting.remove(taker)
        if self.owner is not None:
            self.past.append(self.owner)
        self.owner, self.expired = taker.result(), False
        self.everybody_appends()

    def teardown(self) -> None:
        try:
            self.check_stored()
        finally:  # the next example begins anew, whatever was found
            for task in self.waiting:
                task.cancel()
            if self.waiting:
                self.run(asyncio.wait(self.waiting))
            for journal in [*self.past, *([self.owner] if self.owner else [])]:
                self.run(journal.close())
            self.loop.close()
            for table in ("events", "executions"):
                self.store.execute(f"DELETE FROM {table}")

    def check_stored(self) -> None:
        """What was answered for, and no more; in every shard one owner after another."""
        if not self.number:
            return
        found = self.store.execute(
            "SELECT shard, epoch, execution_id FROM events WHERE version = 1 "
            "ORDER BY shard, position"
        )
        writers = dict(self.stored)
        assert {name for _, _, name in found} == writers.keys()
        assert [each[:2] for each in found] == sorted(each[:2] for each in found)
        pairs = {(epoch, id(writers[str(name)])) for _, epoch, name in found}
        assert len({epoch for epoch, _ in pairs}) == len(pairs), "two owners share an epoch"


def check_leases(store: PostgresStore, how: settings) -> None:
    run_state_machine_as_test(lambda: Leases(store), settings=how)


@pytest.fixture
def empty(server: PostgresStore) -> PostgresStore:
    """A journal that is made already."""

    async def make() -> None:
        await (await server.open()).close()

    asyncio.run(make())
    return server


def test_only_the_owner_appends_whoever_comes_and_goes(empty: PostgresStore) -> None:
    # behaviour 49; invariants I8, I9
    check_leases(empty, SOME)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_only_the_owner_ever_appends_in_hundreds_of_changes(empty: PostgresStore) -> None:
    # behaviour 49; invariants I8, I9
    check_leases(empty, MANY)
