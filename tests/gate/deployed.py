"""A folder with the new code, beside a journal of the old one, and what the command has found."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where modules of the new code are put, and the command is typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def put(folder: Path, *names: str, source: str = "shop") -> str:
    """A module of the new code: it has these names of tests.gate.shop, or of another module."""
    (folder / "new.py").write_text(f"from tests.gate.{source} import {', '.join(names)}\n")
    return "new"


def found(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a journal that is not there yet."""
    return f"sqlite:///{tmp_path / 'journal.db'}"
