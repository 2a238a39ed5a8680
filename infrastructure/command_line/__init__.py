"""The command line, `perdure`: looks into journals, orders what operators decide, keeps journals.

Orders go through the journal's mailbox, as those of any client; the engine carries them out. Errors
of Perdure become one line on stderr and exit status 1; wrong usage is status 2.
"""

import sys
from typing import Annotated

import typer

from perdure import PerdureError, __version__
from perdure.infrastructure.command_line.checking import check_journal
from perdure.infrastructure.command_line.demonstration import demo
from perdure.infrastructure.command_line.doctor import doctor
from perdure.infrastructure.command_line.exporting import export
from perdure.infrastructure.command_line.history import history
from perdure.infrastructure.command_line.key_rings import keys
from perdure.infrastructure.command_line.linting import lint
from perdure.infrastructure.command_line.listing import list_executions
from perdure.infrastructure.command_line.migration import migrate
from perdure.infrastructure.command_line.orders import cancel, resolve, resume
from perdure.infrastructure.command_line.planning import plan
from perdure.infrastructure.command_line.showing import show
from perdure.infrastructure.command_line.terminal import complain


def main() -> None:
    """Runs the command that was typed; never returns."""
    try:
        program()(prog_name="perdure")
    except PerdureError as error:
        complain(str(error))
        sys.exit(1)


def program() -> typer.Typer:
    """The commands, each with its help."""
    commands = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    commands.callback()(about)
    commands.command("demo", rich_help_panel="Try")(demo)
    commands.command("list", rich_help_panel="Look")(list_executions)
    commands.command("show", rich_help_panel="Look")(show)
    commands.command("history", rich_help_panel="Look")(history)
    commands.command("plan", rich_help_panel="Look")(plan)
    commands.command("check", rich_help_panel="Prove")(check_journal)
    commands.command("export", rich_help_panel="Prove")(export)
    commands.command("resume", rich_help_panel="Step in")(resume)
    commands.command("cancel", rich_help_panel="Step in")(cancel)
    commands.command("resolve", rich_help_panel="Step in")(resolve)
    commands.command("lint", rich_help_panel="Prove")(lint)
    commands.command("migrate", rich_help_panel="Keep")(migrate)
    commands.command("doctor", rich_help_panel="Keep")(doctor)
    commands.command("keys", rich_help_panel="Keep")(keys)
    return commands


def tell_version(wanted: bool) -> None:  # noqa: FBT001 (a callback of typer's has this shape)
    """Prints the version and ends."""
    if wanted:
        typer.echo(f"perdure {__version__}")
        raise typer.Exit


def about(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=tell_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Durable workflows and sagas in plain async Python: try them, look into journals, step in.

    Start with `perdure demo`. Then, on a journal of your own:
    `perdure list --journal sqlite:///payments.db`.
    """
