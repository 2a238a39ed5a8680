"""`perdure migrate`: makes a journal, or brings it to this version; gives roles their rights."""

import json
from typing import Annotated

import typer

from perdure.infrastructure.command_line.terminal import screen
from perdure.infrastructure.keepers import keeper_of
from perdure.infrastructure.keeping import Migration

MigratedJournalOption = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="URL",
        help="The journal, like sqlite:///payments.db or postgresql://host/database; on a server "
        "by the role that owns its tables, or is to.",
    ),
]


def migrate(
    *,
    journal: MigratedJournalOption,
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Give this role what engines and clients need, and nothing more: it can append "
            "events, and neither change nor remove one. May be repeated. Only on a server.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL of it, and do nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: before, after, granted, sql.")
    ] = False,
) -> None:
    """Brings a journal to the version that this Perdure needs; makes it where nothing is.

    In one transaction; a second one that runs at the same time finds it done. Stop the engines
    before, and begin with a backup.

    Example: perdure migrate --journal postgresql://owner@db.example/shop --grant shop
    """
    keeper, roles = keeper_of(journal), list(dict.fromkeys(grant or ()))
    done = keeper.planned(roles) if dry_run else keeper.migrate(roles)
    granted = [] if dry_run else roles
    if as_json:
        line = {"before": done.before, "after": done.after, "granted": granted, "sql": done.sql}
        typer.echo(json.dumps(line, ensure_ascii=False))
    elif dry_run:
        typer.echo(f"-- {sentence(done, 'would be')}\n{done.sql}", nl=False)
    else:
        console = screen()
        console.print(sentence(done, "was"), soft_wrap=True)
        for role in granted:
            console.print(f"{role} has what an engine needs.", soft_wrap=True, markup=False)


def sentence(done: Migration, verb: str) -> str:
    """What was done, or would be."""
    if done.before == done.after:
        return f"The journal is of version {done.after}, as this Perdure needs it."
    if done.before == 0:
        return f"A journal {verb} made, of version {done.after}."
    return f"The journal {verb} migrated from version {done.before} to {done.after}."
