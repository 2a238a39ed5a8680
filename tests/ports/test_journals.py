"""Any story of a journal ends alike in memory, which is its specification, and where it is kept."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.journals.stores import MemoryStore, PostgresStore, SQLiteStore, Store
from tests.ports.journals import HAPPENS, JournalStory
from tests.ports.profiles import FEW, MANY, OFTEN
from tests.ports.systems import System, Systems

Open = Callable[..., Systems]


@pytest.fixture
def systems() -> Iterator[Open]:
    """Memory beside the stores that are given."""
    opened: list[Systems] = []
    with asyncio.Runner() as runner:

        def opening(*stores: Store) -> Systems:
            memory = MemoryStore(f"model-{uuid4().hex}")

            async def each() -> Sequence[System]:
                return [await System.on(store) for store in (memory, *stores)]

            model, *others = runner.run(each())
            opened.append(Systems(runner, model, others))
            return opened[-1]

        yield opening
        for each in opened:
            each.close()


@pytest.mark.every_python
def test_any_story_ends_alike_in_memory_and_in_a_file(systems: Open, tmp_path: Path) -> None:
    # behaviours 34, 36, 65; invariants I2, I14
    check(systems(SQLiteStore(tmp_path / "payments.db")), FEW)


def test_any_story_ends_alike_in_memory_and_on_a_server(
    systems: Open, postgres_database: str
) -> None:
    # behaviours 34, 36, 65; invariants I2, I14
    check(systems(PostgresStore(postgres_database)), FEW)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_hundreds_of_stories_end_alike_in_memory_in_a_file_and_on_a_server(
    systems: Open,
    tmp_path: Path,
    postgres_database: str,
    record_property: Callable[[str, object], None],
) -> None:
    # behaviours 34, 36, 65; invariants I2, I14
    stores = SQLiteStore(tmp_path / "payments.db"), PostgresStore(postgres_database)
    happened = check(systems(*stores), MANY)
    for name in HAPPENS:
        assert happened[name] >= OFTEN, happened
    told = ", ".join(f"{name} {happened[name]}" for name in HAPPENS)
    record_property("summary", f"journals: {told}")


def check(all_of_them: Systems, how: settings) -> Counter[str]:
    """How often each thing happened: stories in which it does not prove nothing of it."""
    happened: Counter[str] = Counter()

    class Story(JournalStory):
        def __init__(self) -> None:
            super().__init__(all_of_them, happened)

    Story().everything()
    assert set(HAPPENS) <= set(+happened), happened
    run_state_machine_as_test(Story, settings=how)
    return happened
