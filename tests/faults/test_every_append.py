"""Twelve reference workflows with a crash before, inside and after every append, on three journals.

Inside means that the answer never comes: the process goes on for a while and dies, and whether the
append is stored is known only to the journal.
"""

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.faults.dying import play_at
from tests.faults.places import FilePlace, Place, SchemaPlace, make_empty
from tests.faults.references import REFERENCES
from tests.programs.stored import Call, elsewhere
from tests.properties.checks import check_play
from tests.properties.plays import INSIDE, Fault, Play, play

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited"),
]
KINDS = ("crash before", *INSIDE, "crash after")
EACH, THIRD = 1, 3
Tell = Callable[[str, object], None]


def check_played(played: Play) -> Counter[str]:
    """What holds for every play, whose replays call nothing; which crashes it had."""
    calls = Counter(played.world.calls)
    check_play(played)
    assert played.world.calls == calls, "a replay did something"
    return played.crashes


def told(crashes: Counter[str]) -> str:
    kinds = [f"{crashes[kind]} {kind.removeprefix('crash ')}" for kind in KINDS]
    return "; ".join(kinds)


@pytest.mark.parametrize("name", REFERENCES)
def test_every_append_with_a_crash_in_memory(name: str, record_property: Tell) -> None:
    # behaviours 1, 2, 22; invariants I1-I7, I10
    program, day = REFERENCES[name]
    undisturbed = play(program, day)
    assert not check_played(undisturbed)
    crashes: Counter[str] = Counter()
    for append in range(undisturbed.appends):
        for kind in KINDS:
            crashes += check_played(play(program, day, [Fault(append, kind)]))
    assert crashes == dict.fromkeys(KINDS, undisturbed.appends)
    record_property("summary", f"crashes in memory, {name}: {told(crashes)}")


@pytest.mark.parametrize("name", REFERENCES)
def test_every_append_with_a_crash_and_another_one_later(name: str, record_property: Tell) -> None:
    # behaviours 1, 2, 22; invariants I1-I7, I10
    program, day = REFERENCES[name]
    appends = play(program, day).appends
    pairs: Counter[int] = Counter()
    for first in range(appends):
        for number, kind in enumerate(KINDS):
            for second in range(first + 1, appends + 2):
                later = Fault(second, KINDS[(number + second) % len(KINDS)])
                crashes = check_played(play(program, day, [Fault(first, kind), later]))
                pairs[crashes.total()] += 1
    assert set(pairs) <= {1, 2}
    assert pairs[2] > pairs.total() // 2  # after the second one the end may have come already
    record_property("summary", f"pairs of crashes in memory, {name}: {pairs[2]}")


@pytest.mark.parametrize("name", REFERENCES)
def test_every_append_with_a_crash_in_a_file(
    name: str, tmp_path: Path, record_property: Tell
) -> None:
    # behaviours 1, 2, 22; invariants I1-I7, I10
    numbers = count()
    with elsewhere() as call:
        empty = make_empty(tmp_path / "empty.db", call)
        places = lambda: FilePlace(tmp_path / str(next(numbers)), empty)  # noqa: E731
        crashes = check_stored_plays(name, places, call, EACH)
    record_property("summary", f"crashes on a file, {name}: {told(crashes)}")


@pytest.mark.parametrize("name", REFERENCES)
def test_every_third_append_with_a_crash_on_a_server(
    name: str, postgres_database: str, record_property: Tell
) -> None:
    # behaviours 1, 2, 22; invariants I1-I8, I10
    place = SchemaPlace(postgres_database)
    with elsewhere() as call:
        crashes = check_stored_plays(name, lambda: place, call, THIRD)
    record_property("summary", f"crashes on a server, {name}: {told(crashes)}")


def check_stored_plays(
    name: str, place: Callable[[], Place], call: Call, stride: int
) -> Counter[str]:
    """A crash of each kind at each append; or at one of `stride`, the first one by workflow."""
    program, day = REFERENCES[name]
    crashes: Counter[str] = Counter()
    torn = 0
    undisturbed, _ = play_at(place(), call, program, day)
    assert not check_played(undisturbed)
    appends = range([*REFERENCES].index(name) % stride, undisturbed.appends, stride)
    for append in appends:
        for kind in KINDS:
            played, cut = play_at(place(), call, program, day, [Fault(append, kind)])
            crashes += check_played(played)
            torn += cut
    assert crashes == dict.fromkeys(KINDS, len(appends))
    assert torn == len(INSIDE) * len(appends), "an append was not cut off"
    return crashes
