"""Help that helps: every command says what it is for, with an example."""

import pytest

import perdure as package
from tests.command_line.conftest import CommandLine


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "list", "show", "history", "plan", "check", "resume", "cancel", "resolve"),
        *("migrate", "doctor"),
    ],
)
def test_every_command_has_help_with_an_example(perdure: CommandLine, command: str) -> None:
    printed = perdure(command, "--help")
    assert printed.status == 0
    assert f"Example: perdure {command} " in printed.out.replace("\n", " ")
    assert "--json" in printed.out
    assert "--journal" in printed.out


def test_the_program_tells_of_its_commands(perdure: CommandLine) -> None:
    printed = perdure("--help")
    assert printed.status == 0
    assert all(command in printed.out for command in ("demo", "list", "show", "--version"))


def test_the_version_is_the_package_version(perdure: CommandLine) -> None:
    assert perdure("--version").out == f"perdure {package.__version__}\n"


def test_an_unknown_command_is_bad_usage(perdure: CommandLine) -> None:
    assert perdure("replay").status == 2
