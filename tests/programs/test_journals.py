"""The same program has the same history in memory and on a file, faults and all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.domain.events import Event
from perdure.infrastructure import codec
from tests.programs.drivers import repeatable
from tests.programs.on_file import elsewhere, opened_on, stream_on
from tests.properties.checks import check_play
from tests.properties.plays import Fault, play

pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")
QUICK, MANY, MANY_CHUNKS = 30, 400, 8
FAULTS = ((), (Fault(1, "crash before"),), (Fault(2, "crash after"), Fault(4, "unavailable")))


def rows(stream: list[Event]) -> list[tuple[str, bytes]]:
    """To the byte: virtual time passes alike on both."""
    return [codec.encode(event) for event in stream]


def check_same_on_both(seeds: range, folder: Path) -> int:
    events = 0
    with elsewhere() as call:
        for seed in seeds:
            program, day = repeatable(seed)
            for number, faults in enumerate(FAULTS):
                in_memory = rows(play(program, day, faults).stream())
                path = folder / f"{seed}-{number}.db"
                played = play(program, day, faults, opened_on(path, call))
                check_play(played)
                assert rows(stream_on(path, call)) == rows(played.stream()), f"seed {seed}"
                assert rows(played.stream()) == in_memory, f"seed {seed}, {faults}"
                events += len(in_memory)
    return events


def test_dozens_of_programs_have_the_same_history_in_memory_and_on_a_file(tmp_path: Path) -> None:
    # behaviours 1, 4, 22
    assert check_same_on_both(range(QUICK), tmp_path) > QUICK


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(MANY_CHUNKS))
def test_hundreds_of_programs_have_the_same_history_in_memory_and_on_a_file(
    part: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    # behaviours 1, 4, 22
    seeds = range(QUICK + part, MANY, MANY_CHUNKS)
    assert check_same_on_both(seeds, tmp_path) > len(seeds)
