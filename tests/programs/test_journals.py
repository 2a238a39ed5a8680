"""The same program has the same history in memory, on a file and on a server, faults and all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.domain.events import Event
from perdure.infrastructure import codec
from tests.postgres.schemas import Lend
from tests.programs.drivers import repeatable
from tests.programs.stored import Call, Stored, elsewhere, in_file, in_schema
from tests.properties.checks import check_play
from tests.properties.plays import Fault, play

pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")
QUICK, MANY, MANY_CHUNKS = 12, 240, 6
Place = Callable[[str, Call], Stored]
FAULTS = ((), (Fault(1, "crash before"),), (Fault(2, "crash after"), Fault(4, "unavailable")))


def rows(stream: list[Event]) -> list[tuple[str, bytes]]:
    """To the byte: virtual time passes alike on both."""
    return [codec.encode(event) for event in stream]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return lambda name, call: in_file(tmp_path / f"{name}.db", call)
    database: str = request.getfixturevalue("postgres_database")
    lend: Lend = request.getfixturevalue("postgres_lend")
    return lambda _, call: in_schema(database, lend(), call)


def check_same_on_both(seeds: range, place: Place) -> int:
    events = 0
    with elsewhere() as call:
        for seed in seeds:
            program, day = repeatable(seed)
            for number, faults in enumerate(FAULTS):
                in_memory = rows(play(program, day, faults).stream())
                stored = place(f"{seed}-{number}", call)
                played = play(program, day, faults, stored.opened())
                check_play(played)
                assert rows(stored.stream()) == rows(played.stream()), f"seed {seed}"
                assert rows(played.stream()) == in_memory, f"seed {seed}, {faults}"
                events += len(in_memory)
    return events


def test_dozens_of_programs_have_the_same_history_in_memory_and_stored(place: Place) -> None:
    # behaviours 1, 4, 22
    assert check_same_on_both(range(QUICK), place) > QUICK


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(MANY_CHUNKS))
def test_hundreds_of_programs_have_the_same_history_in_memory_and_stored(
    part: int, place: Place
) -> None:
    # behaviours 1, 4, 22
    seeds = range(QUICK + part, MANY, MANY_CHUNKS)
    assert check_same_on_both(seeds, place) > len(seeds)
