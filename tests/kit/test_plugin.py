"""The plugin for pytest is there with the package, and costs a run nothing that does not use it."""

import subprocess
import sys
from pathlib import Path

import pytest

UNUSED = """
import sys

def test_perdure_is_not_imported():
    assert "pytest_perdure" in sys.modules
    assert [name for name in sys.modules if name.partition(".")[0] == "perdure"] == []
"""
USED = """
import asyncio
import pytest
from perdure import activity, workflow
from perdure.testing import run

@activity
async def price_of(film: str) -> int:
    raise OSError

@workflow(key="film")
async def visit(film: str) -> int:
    await asyncio.sleep(3600)
    return await price_of(film)

async def scenario(perdure_engine):
    async with perdure_engine([visit], fakes={price_of: lambda: 9}) as engine:
        assert await engine.execute(visit, "M") == 9

def test_plain(perdure_engine):
    run(scenario(perdure_engine))

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async(anyio_backend, perdure_engine):
    await scenario(perdure_engine)

def test_that_fails(perdure_engine):
    async def fails():
        await scenario(perdure_engine)
        raise ValueError

    run(fails())
""".replace('key="film"', "key=str")

# Without what else is installed: it takes time to load.
ALONE = ("--disable-plugin-autoload", "-p", "pytest_perdure")


def pytest_in(folder: Path, text: str, *arguments: str) -> str:
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(
        [*command, *arguments, "test_it.py"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_a_run_that_does_not_use_it_imports_nothing_of_perdure(tmp_path: Path) -> None:
    said = pytest_in(tmp_path, UNUSED)
    assert "1 passed" in said, said


def test_the_fixture_serves_plain_and_async_tests_and_a_failure_tells_the_history(
    tmp_path: Path,
) -> None:
    said = pytest_in(tmp_path, USED, *ALONE, "-p", "anyio.pytest_plugin")
    assert "1 failed, 2 passed" in said, said
    assert said.count("what Perdure recorded") == 1
    assert "+3,600.000 s  ✔ price_of → 9" in said


@pytest.mark.faults
def test_it_works_without_any_other_plugin_and_can_be_left_out(tmp_path: Path) -> None:
    unknown = "ignore::pytest.PytestUnknownMarkWarning"
    said = pytest_in(tmp_path, USED, *ALONE, "-W", unknown, "-k", "plain")
    assert "1 passed" in said, said
    said = pytest_in(tmp_path, USED, "-p", "no:perdure", "-k", "plain")
    assert "fixture 'perdure_engine' not found" in said, said
