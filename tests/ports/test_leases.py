"""Who may append, and who waits: a server and the storage of the simulated world agree on it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.address import database_of
from tests.journals.contenders import Contender
from tests.journals.stores import PostgresStore
from tests.ports.leases import HAPPENS, RUNNERS, LeaseStory
from tests.ports.profiles import FEW, MANY

OFTEN = 3


@pytest.fixture
def store(postgres_database: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_database)
    with closing(database_of(store.url).connect("test")) as connection:
        schema.create(connection, database_of(store.url))
    yield store
    store.close()


@pytest.fixture
def contenders(store: PostgresStore) -> Iterator[list[Contender]]:
    with ExitStack() as stack:
        contenders = [Contender(store, iter(())) for _ in range(RUNNERS)]
        for each in contenders:
            stack.callback(each.close)  # the connection that it has by then
        yield contenders


def test_in_any_story_of_a_lease_its_owner_appends_and_nobody_else(
    store: PostgresStore, contenders: list[Contender]
) -> None:
    # behaviours 49, 52; invariants I2, I8, I9
    check(store, contenders, FEW)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_in_hundreds_of_stories_of_a_lease_its_owner_appends_and_nobody_else(
    store: PostgresStore,
    contenders: list[Contender],
    record_property: Callable[[str, object], None],
) -> None:
    # behaviours 49, 52; invariants I2, I8, I9
    happened = check(store, contenders, settings(MANY, max_examples=300))  # each takes long
    for name in HAPPENS:
        assert happened[name] >= OFTEN, happened
    told = ", ".join(f"{name} {happened[name]}" for name in HAPPENS)
    record_property("summary", f"leases: {told}")


def check(store: PostgresStore, contenders: list[Contender], how: settings) -> Counter[str]:
    """How often each thing happened: stories in which it does not prove nothing of it."""
    happened: Counter[str] = Counter()
    with store.connect() as by_hand:

        class Story(LeaseStory):
            def __init__(self) -> None:
                super().__init__(store, by_hand, contenders, happened)

        Story().everything()
        assert set(HAPPENS) <= set(+happened), happened
        run_state_machine_as_test(Story, settings=how)
    return happened
