"""What holds for every test: asyncio, Hypothesis without a deadline, a summary on the terminal.

Fixtures of one part of Perdure stand in the folder of its tests, never here. PostgreSQL is asked
for from several folders: its fixtures are a plugin.
"""

import gc

import pytest
from hypothesis import settings

pytest_plugins = ["tests.postgres.plugin"]

# A busy machine is no reason to fail; a failing example is printed so that it can be run again.
settings.register_profile("perdure", deadline=None, print_blob=True)
# For tools/every_python.py: what examples find is found by 100 of them on the Python of `.venv`.
settings.register_profile("every_python", settings.get_profile("perdure"), max_examples=25)
settings.load_profile("perdure")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """Thousands of tests stay until the end: no collection of garbage looks through them again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests recorded under "summary"; it reaches the terminal from any worker."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(text))
