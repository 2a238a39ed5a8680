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
from perdure.infrastructure.postgres.lease import Occupied
from tests.journals.contenders import Contender, check_one_owner_at_a_time
from tests.journals.patience import wait_until_blocked
from tests.journals.stores import PostgresStore
from tests.journals.submissions import payment
from tests.postgres.schemas import Lend

ROUNDS = 60
DEADLINE_SECONDS = 20
SHARD = shard_of(payment(0))


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
    check_one_owner_at_a_time(store, three)
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
    check_one_owner_at_a_time(store, three)


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
    check_one_owner_at_a_time(store, three)


def test_a_runner_that_took_nothing_leaves_no_row(
    store: PostgresStore, three: list[Contender]
) -> None:
    owner, other, _ = three
    owner.take()
    for _ in range(3):
        assert isinstance(other.take(), Occupied)
    assert store.execute("SELECT count(*) FROM runner") == [(1,)]
    assert store.execute("SELECT count(*) FROM runner_writer") == [(1,)]
