"""Takeovers of shards on real connections: racing, with appends under way."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count, islice
from threading import Barrier

import psycopg
import pytest

from perdure.domain.identity import shard_of
from perdure.infrastructure.entry import encoded
from perdure.infrastructure.postgres import flush, lease, log
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.lease import Occupied
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.tenure import Tenure
from tests.journals.patience import wait_until_blocked
from tests.journals.stores import PostgresStore
from tests.journals.submissions import payment, start
from tests.postgres.schemas import Lend

ROUNDS = 60
SECONDS = 60.0  # no lease ends by itself here
DEADLINE_SECONDS = 20
SHARD = shard_of(payment(0))


class Contender:
    """A runner's connection; `append` starts one more execution of the one shard."""

    def __init__(self, store: PostgresStore, names: Iterator[str]) -> None:
        database = database_of(store.url)
        self.connection: Connection = database.connect("test")
        self._statements = Statements(database.schema)
        self.names = names
        self.tenure: Tenure | None = None
        self.acknowledged: list[str] = []

    def take(self) -> Tenure | Occupied:
        taken = lease.take(self.connection, self._statements, SECONDS, "here")
        self.tenure = taken if isinstance(taken, Tenure) else None
        return taken

    def append(self, name: str = "") -> bool:
        """Whether it was stored; False when it was fenced."""
        assert self.tenure is not None
        name = name or next(self.names)
        entries = [encoded(start(name))]
        try:
            assert log.append(self.connection, self._statements, self.tenure, entries) == [True]
        except psycopg.DatabaseError as error:
            if error.sqlstate != flush.FENCED:
                raise
            return False
        self.acknowledged.append(name)
        return True

    def leave(self) -> bool:
        assert self.tenure is not None
        lease.leave(self.connection, self._statements, self.tenure.runner)
        return False

    def take_and_append(self) -> bool:
        return isinstance(self.take(), Tenure) and self.append()


@pytest.fixture
def store(postgres_database: str, postgres_lend: Lend) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_database, postgres_lend())
    yield store
    store.close()


@pytest.fixture
def three(store: PostgresStore) -> Iterator[list[Contender]]:
    of_the_shard = (payment(each) for each in count() if shard_of(payment(each)) == SHARD)
    names = iter(list(islice(of_the_shard, 5 * ROUNDS)))  # for threads, which a generator is not
    with ExitStack() as stack:
        three = [Contender(store, names) for _ in range(3)]
        for each in three:
            stack.enter_context(closing(each.connection))
        yield three


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


def at_once(together: Barrier, job: Callable[[], bool]) -> bool:
    together.wait()
    return job()


def expire(store: PostgresStore) -> None:
    store.execute("UPDATE runner SET expires_at = clock_timestamp()")


def check(store: PostgresStore, contenders: list[Contender]) -> None:
    """What was acknowledged is there, nothing else, and each owner's part is of one piece."""
    rows = store.execute("SELECT position, epoch, execution_id FROM events ORDER BY position")
    assert [position for position, _, _ in rows] == list(range(1, len(rows) + 1))
    assert [epoch for _, epoch, _ in rows] == sorted(epoch for _, epoch, _ in rows)
    acknowledged = sorted(name for each in contenders for name in each.acknowledged)
    assert sorted({name for _, _, name in rows}) == acknowledged
    assert len(rows) == 2 * len(acknowledged)


def test_of_two_takeovers_that_race_one_wins_and_the_rest_is_fenced(
    store: PostgresStore, three: list[Contender], threads: ThreadPoolExecutor
) -> None:
    # behaviour 49
    owner = three[0]
    owner.take()
    chance = random.Random(7)
    kept = 0
    for rounds in range(1, ROUNDS + 1):
        others = [each for each in three if each is not owner]
        jobs: list[Callable[[], bool]] = [owner.append, *(each.take_and_append for each in others)]
        chance.shuffle(jobs)
        together = Barrier(3)
        expire(store)
        done = [threads.submit(at_once, together, job) for job in jobs]
        answers = dict(zip(jobs, [each.result(DEADLINE_SECONDS) for each in done], strict=True))
        kept += answers[owner.append]
        [winner] = [each for each in others if each.tenure is not None]
        assert answers[winner.take_and_append]
        assert not owner.append(), "it was taken over"
        assert winner.tenure is not None
        owners = store.execute("SELECT DISTINCT owner, epoch FROM shard_lease")
        assert owners == [(winner.tenure.runner, rounds + 1)]
        assert store.execute("SELECT count(*) FROM runner") == [(1,)]
        owner = winner
    check(store, three)
    assert kept, "no append was ever first"


def test_a_takeover_waits_for_the_append_under_way_and_goes_on_behind_it(
    store: PostgresStore, three: list[Contender], threads: ThreadPoolExecutor
) -> None:
    # behaviour 49
    owner, one, other = three
    owner.take()
    held = next(owner.names)
    with psycopg.connect(store.database) as blocker:
        blocker.execute(
            f"INSERT INTO {store.schema}.executions "
            "VALUES (%s, %s, '', '', '', 0, 0, 0, '', '{}')",
            (SHARD, held),
        )
        append = threads.submit(owner.append, held)
        wait_until_blocked(store, 1)
        expire(store)
        takeovers = [threads.submit(each.take_and_append) for each in (one, other)]
        wait_until_blocked(store, 3)
        blocker.rollback()
    assert append.result(DEADLINE_SECONDS)
    assert sorted(each.result(DEADLINE_SECONDS) for each in takeovers) == [False, True]
    assert not owner.append()
    check(store, three)


def test_an_owner_that_leaves_while_it_is_taken_over_is_in_nobody_s_way(
    store: PostgresStore, three: list[Contender], threads: ThreadPoolExecutor
) -> None:
    # behaviour 52
    owner = three[0]
    owner.take()
    for _ in range(ROUNDS):
        others = [each for each in three if each is not owner]
        together = Barrier(3)
        expire(store)

        jobs = [owner.leave, *(each.take_and_append for each in others)]
        done = [threads.submit(at_once, together, job) for job in jobs]
        assert sorted(each.result(DEADLINE_SECONDS) for each in done) == [False, False, True]
        [owner] = [each for each in others if each.tenure is not None]
    check(store, three)


def test_a_runner_that_took_nothing_leaves_no_row(
    store: PostgresStore, three: list[Contender]
) -> None:
    owner, other, _ = three
    owner.take()
    for _ in range(3):
        assert isinstance(other.take(), Occupied)
    assert store.execute("SELECT count(*) FROM runner") == [(1,)]
    assert store.execute("SELECT count(*) FROM runner_writer") == [(1,)]
