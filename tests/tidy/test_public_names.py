"""What users may import is decided, not found: the pin is `public_names.txt` beside this file.

`make public-names` writes it anew.
"""

import subprocess
import sys
from operator import attrgetter

import pytest

import perdure
import perdure.testing
from tools.public_names import pinned_names, public_names

# Run by a fresh interpreter: what the import itself starts, opens and warns about.
IMPORT = """
import sys, threading
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "sqlite3.connect" else None)
import perdure
assert threading.active_count() == 1, threading.enumerate()
assert not opened, opened
"""


def test_public_names_are_the_pinned_ones() -> None:
    told = "run `make public-names` if a public name is meant to come or go"
    assert public_names() == pinned_names(), told


def test_public_names_can_be_imported() -> None:
    for name in pinned_names():
        attrgetter(name)(perdure)  # AttributeError tells which one is not there
    assert len(pinned_names()) > 50


@pytest.mark.every_python
def test_the_import_warns_of_nothing_and_starts_nothing() -> None:
    command = [sys.executable, "-W", "error", "-c", IMPORT]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
