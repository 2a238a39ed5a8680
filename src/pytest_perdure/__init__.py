"""Perdure's plugin for pytest: the fixture `perdure_engine`.

It is loaded by every run in an environment that has Perdure, so it stands outside of the package,
and imports that only where the fixture is used. It needs no plugin for async tests.
"""

import importlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from perdure.testing import VirtualEngine

Opened: TypeAlias = "AbstractAsyncContextManager[VirtualEngine]"

ENGINES = pytest.StashKey[list[Any]]()


@pytest.fixture
def perdure_engine(request: pytest.FixtureRequest) -> Callable[..., Opened]:
    """`perdure.testing.engine`, and the histories of its executions in the report of a failure.

    It is called as that is, in as many ways as there are to run an async test, or in a plain one by
    `perdure.testing.run`.

    >>> async def test_payment(perdure_engine):
    ...     async with perdure_engine([process_payment], world=Shop()) as engine:
    ...         assert await engine.execute(process_payment, request) == "track-1"
    """
    engine = importlib.import_module("perdure.testing").engine
    engines = request.node.stash.setdefault(ENGINES, [])

    @asynccontextmanager
    async def open_engine(*arguments: Any, **keywords: Any) -> AsyncIterator["VirtualEngine"]:
        async with engine(*arguments, **keywords) as opened:
            engines.append(opened)
            yield opened

    return open_engine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what is recorded to the report of a test that failed."""
    report = yield
    engines = item.stash.get(ENGINES, [])
    if report.when == "call" and report.failed and engines:
        recorded = importlib.import_module("perdure.infrastructure.simulation.recorded")
        text = "\n".join(recorded.told(engine.log) for engine in engines)
        report.sections.append(("what Perdure recorded", text))
    return report
