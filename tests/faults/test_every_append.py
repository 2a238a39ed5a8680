"""Reference workflows with a crash before and after every append, in memory and on a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.filed import play_on_file
from tests.faults.references import REFERENCES
from tests.properties.checks import check_play
from tests.properties.plays import Fault, play

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:coroutine 'carry_out' was never awaited"),
]
KINDS = ("crash before", "crash after")


@pytest.mark.parametrize("name", REFERENCES)
def test_a_crash_before_and_after_every_append_in_memory(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    # behaviours 1, 2, 22
    program, day = REFERENCES[name]
    undisturbed = play(program, day)
    check_play(undisturbed)
    appends = undisturbed.appends
    crashes = 0
    for first in range(appends):
        for kind in KINDS:
            check_play(play(program, day, [Fault(first, kind)]))
            for second in range(first + 1, appends + 2):
                check_play(play(program, day, [Fault(first, kind), Fault(second, "crash after")]))
                crashes += 1
    record_property("summary", f"{name}: {appends} appends, {crashes} pairs of crashes in memory")


@pytest.mark.parametrize("name", REFERENCES)
def test_a_crash_before_and_after_every_append_on_a_file(name: str, tmp_path: Path) -> None:
    # behaviours 1, 2, 22
    program, day = REFERENCES[name]
    undisturbed = play_on_file(program, day, tmp_path / "undisturbed.db")
    check_play(undisturbed)
    for append in range(undisturbed.appends):
        for kind in KINDS:
            path = tmp_path / f"{append}-{kind.replace(' ', '-')}.db"
            check_play(play_on_file(program, day, path, [Fault(append, kind)]))
