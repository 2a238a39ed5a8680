"""`perdure resume`, `perdure cancel` and `perdure resolve`: orders of an operator, for one or many.

Each says which executions it is for and what it orders of a handle; the rest is `ordering`'s.
"""

import json
from typing import Annotated, Any, Literal, TypeAlias

import typer

from perdure import Handle
from perdure.domain.journal import PARKED_STATES
from perdure.infrastructure.command_line.ordering import (
    Asked,
    OrdersJournalOption,
    OrdersJSONOption,
    WaitOption,
    carry_out,
)
from perdure.infrastructure.command_line.results import Words
from perdure.infrastructure.command_line.targets import (
    DryRunOption,
    IdsArgument,
    Scope,
    WhereOption,
    YesOption,
)
from perdure.sagas import resolving

BY_ITSELF = "it goes on by itself"
ROLLED_BACK = "it is being rolled back already"
CANCELLED_BY_HAND = "cancelled from the command line"

RESUMABLE = Scope(
    order="resume",
    states=(*PARKED_STATES, "blocked"),
    also=(),
    needless={"running": BY_ITSELF, "compensating": BY_ITSELF},
)
CANCELLABLE = Scope(
    order="cancel",
    states=("running", "suspended", "blocked"),
    also=(),
    needless={"compensating": ROLLED_BACK, "stuck": f"{ROLLED_BACK}, and stuck: `perdure resolve`"},
)
RESOLVABLE = Scope(
    order="resolve", states=("stuck",), also=("compensating", "blocked"), needless={}
)


How: TypeAlias = Literal["retry", "skip", "replace", "by-hand"]  # as it is typed

DECISIONS: dict[How, resolving.How] = {
    "retry": "retry",
    "skip": "skip",
    "replace": "replace",
    "by-hand": "by_hand",
}
DECIDED: dict[How, Words] = {
    "retry": Words("resolve retry", "Try the undo again in", "told to try the undo again"),
    "skip": Words("resolve skip", "Skip the undo in", "told to skip the undo"),
    "replace": Words("resolve replace", "Replace the arguments in", "given other arguments"),
    "by-hand": Words("resolve by-hand", "Count as undone by hand in", "counted as undone"),
}

ReasonOption = Annotated[
    str, typer.Option(metavar="TEXT", help="Why; recorded in the execution's history.")
]


def resume(
    ids: IdsArgument = None,
    *,
    journal: OrdersJournalOption,
    where: WhereOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    wait: WaitOption = None,
    as_json: OrdersJSONOption = False,
) -> None:
    """Lets suspended, blocked and stuck executions go on, once what parked them is mended.

    A suspended body goes on from where it stopped; a blocked execution is read again with the code
    of today; a stuck one tries its undo again. The exit status is 1 if any was refused.

    Example: perdure resume process_payment@order-0007 --journal sqlite:///payments.db

    Example: perdure resume --where "state=suspended,reason~bank" --journal sqlite:///payments.db
    """

    async def give(handle: Handle[Any]) -> None:
        await handle.resume(reason)

    asked = Asked(
        journal=journal,
        ids=ids or (),
        where=where or (),
        dry_run=dry_run,
        yes=yes,
        wait=wait,
        as_json=as_json,
    )
    carry_out(asked, Words("resume", "Resume", "resumed"), RESUMABLE, give)


def cancel(
    ids: IdsArgument = None,
    *,
    journal: OrdersJournalOption,
    where: WhereOption = None,
    reason: ReasonOption = CANCELLED_BY_HAND,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    wait: WaitOption = None,
    as_json: OrdersJSONOption = False,
) -> None:
    """Asks executions to stop, and undoes what they have done.

    `perdure plan ID` tells beforehand what that would be. A cancellation cannot be taken back. One
    that is past its point of no return is refused. The exit status is 1 if any was refused.

    Example: perdure cancel process_payment@order-0007 --reason "ordered twice"
    --journal sqlite:///payments.db
    """

    async def give(handle: Handle[Any]) -> None:
        await handle.cancel(reason)

    asked = Asked(
        journal=journal,
        ids=ids or (),
        where=where or (),
        dry_run=dry_run,
        yes=yes,
        wait=wait,
        as_json=as_json,
    )
    carry_out(asked, Words("cancel", "Cancel", "asked to stop"), CANCELLABLE, give)


def resolve(
    how: Annotated[
        How,
        typer.Argument(
            help="retry: try it again. skip: never undo its activity, which stays done. replace: "
            "try it again with other arguments. by-hand: somebody has undone it outside."
        ),
    ],
    ids: IdsArgument = None,
    *,
    journal: OrdersJournalOption,
    where: WhereOption = None,
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Why; recorded in the history. skip and by-hand need one."
        ),
    ] = "",
    arguments: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help='For replace: those that differ, like \'{"amount": "5.00"}\'.'
        ),
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    wait: WaitOption = None,
    as_json: OrdersJSONOption = False,
) -> None:
    """Decides on the undo that executions are stuck on; the decision is recorded.

    With --where it looks among those that are stuck; one that is compensating or blocked has to be
    named, by its id or by state=compensating. The exit status is 1 if any was refused.

    Example: perdure resolve retry --where "state=stuck,reason~timeout"
    --journal sqlite:///payments.db

    Example: perdure resolve skip process_payment@order-0007 --reason "written off, ticket 7"
    --journal sqlite:///payments.db
    """
    decision = DECISIONS[how]
    replaced = checked(how, reason, arguments)

    async def give(handle: Handle[Any]) -> None:
        await handle.resolve(decision, reason=reason, arguments=replaced)

    asked = Asked(
        journal=journal,
        ids=ids or (),
        where=where or (),
        dry_run=dry_run,
        yes=yes,
        wait=wait,
        as_json=as_json,
    )
    carry_out(asked, DECIDED[how], RESOLVABLE, give)


def checked(how: How, reason: str, arguments: str | None) -> dict[str, Any] | None:
    """The arguments of a replacement. Refuses a decision that says too little or too much."""
    if how in ("skip", "by-hand") and not reason:
        raise typer.BadParameter(f'{how} needs a --reason "...": it is recorded')
    if how != "replace":
        if arguments is not None:
            raise typer.BadParameter(f"--arguments goes with replace, not with {how}")
        return None
    if arguments is None:
        raise typer.BadParameter(
            "replace needs --arguments '{\"name\": value}': those that are to differ"
        )
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise typer.BadParameter(f"--arguments is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise typer.BadParameter("--arguments has to be an object: '{\"name\": value}'")
    return given
