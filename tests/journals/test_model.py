"""Files and servers behave as memory does, the readable specification, whatever is done to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.journals.machine import System, check_ports
from tests.journals.stores import PostgresStore, SQLiteStore

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SOME = settings(
    max_examples=20,
    stateful_step_count=35,
    derandomize=True,
    database=None,
    suppress_health_check=SLOW,
)
MANY = settings(max_examples=500, stateful_step_count=50, suppress_health_check=SLOW)


@pytest.fixture(params=["sqlite", "postgres"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    store: SQLiteStore | PostgresStore
    if request.param == "sqlite":
        store = SQLiteStore(tmp_path / "payments.db", "?synchronous=normal")
    else:
        store = PostgresStore(request.getfixturevalue("postgres_database"))
    system = System(store)
    yield system
    system.end()
    store.close()


@pytest.mark.timeout(300)  # what fails takes a while to become small
def test_any_dozens_of_calls_end_as_in_memory(system: System) -> None:
    # behaviours 34, 65, 73; invariants I2, I14
    check_ports(system, SOME)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_any_hundreds_of_calls_end_as_in_memory(system: System) -> None:
    # behaviours 34, 65, 73; invariants I2, I14
    check_ports(system, MANY)
