"""`perdure export`: histories as files, for tests that replay them, with personal data taken out.

The journal is only read. With the code at hand what was taken out is checked: a scrubbed history
that would not replay is not written.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from perdure.domain.errors import Blocked, Undecodable, UnknownExecution
from perdure.domain.journal import STATES
from perdure.infrastructure.clock import SystemIds
from perdure.infrastructure.command_line.listing import JournalOption
from perdure.infrastructure.command_line.reading import visited
from perdure.infrastructure.command_line.targets import (
    IdsArgument,
    WhereOption,
    check_usage,
    named,
    selected,
)
from perdure.infrastructure.command_line.terminal import complain
from perdure.infrastructure.command_line.where import parsed
from perdure.infrastructure.gate.code import Code, code_of
from perdure.infrastructure.histories.document import History, file_name
from perdure.infrastructure.histories.rederiving import reads, rederived
from perdure.infrastructure.histories.replays import lines
from perdure.infrastructure.histories.scrubbing import Scrubber
from perdure.infrastructure.histories.stand_ins import StandIns
from perdure.sagas.examination import examine

AT_ONCE = 16  # streams in memory


ToOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write a file for each execution there. Without it one is printed.",
        file_okay=False,
    ),
]
ScrubOption = Annotated[
    bool,
    typer.Option(
        "--scrub",
        help="Replace texts by stand-ins of the same shape, equal ones by equal ones, and leave "
        "out tracebacks. Numbers, dates and what the code itself writes stay.",
    ),
]
ScrubNumbersOption = Annotated[
    bool, typer.Option("--scrub-numbers", help="With --scrub: replace numbers and dates too.")
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="With --scrub: leave fields of this name. May be repeated."),
]
KeepIdOption = Annotated[
    bool, typer.Option("--keep-id", help="With --scrub: leave the execution's id as it is.")
]
ModulesOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="With --scrub: the module that declares the workflow. Then texts that its types "
        "demand stay, arguments are what the body makes of the stand-ins, and only what replays "
        "is written. May be repeated.",
    ),
]


def export(
    ids: IdsArgument = None,
    *,
    journal: JournalOption,
    where: WhereOption = None,
    to: ToOption = None,
    scrub: ScrubOption = False,
    scrub_numbers: ScrubNumbersOption = False,
    keep: KeepOption = None,
    keep_id: KeepIdOption = False,
    module: ModulesOption = None,
) -> None:
    """Writes histories as JSON files that tests replay: see assert_replays in perdure.testing.

    Nothing is changed in the journal. Without --scrub a file has everything that was recorded, so
    look before you pass it on. What the scrubbing cannot know: names of fields and of classes, and
    texts of your code, stay.

    Example: perdure export process_payment@order-0007 --journal sqlite:///payments.db --scrub
    """
    check_usage(ids or (), where or (), "export")
    if to is None and (where or len(ids or ()) != 1):
        raise typer.BadParameter("more than one needs a folder to go to", param_hint="--to")
    if not scrub and (scrub_numbers or keep or keep_id or module):
        raise typer.BadParameter("say --scrub too: this is of use only with it")
    code = code_of(module) if module else None
    scrubbing = None
    if scrub:
        scrubbing = _Scrubbing(
            numbers=scrub_numbers, keep=frozenset(keep or ()), keep_id=keep_id, code=code
        )
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
    failed = asyncio.run(_export(journal, ids or (), where or (), to, scrubbing))
    if failed:
        raise typer.Exit(1)


async def _export(
    url: str,
    ids: Sequence[str],
    where: Sequence[str],
    to: Path | None,
    scrubbing: "_Scrubbing | None",
) -> int:
    """How many could not be written."""
    failed = written = 0
    async for history in _histories(url, ids, where):
        made = history if scrubbing is None else await asyncio.to_thread(scrubbing, history)
        if made is None:
            failed += 1
        elif to is None:
            typer.echo(made.text(), nl=False)
        else:
            path = to / file_name(made.execution_id)
            path.write_text(made.text(), encoding="utf-8")
            written += 1
            typer.echo(str(path))
    if to is not None and not written and not failed:
        complain("no execution fits: nothing was written")
    return failed


async def _histories(url: str, ids: Sequence[str], where: Sequence[str]) -> AsyncIterator[History]:
    """Raises BadIdentity, UnknownExecution, Undecodable."""
    if ids:
        found = [target.execution_id for target in await named(url, ids)]
    else:
        conditions = parsed(where)
        states = conditions.values("state") or STATES
        found = [target.execution_id for target in await selected(url, conditions, states)]
    async with visited(url) as journal:
        for first in range(0, len(found), AT_ONCE):
            portion = found[first : first + AT_ONCE]
            streams = await journal.read(portion)
            for execution_id in portion:
                stream = streams.get(execution_id)
                if stream is None:
                    raise UnknownExecution(execution_id)
                if isinstance(stream, Undecodable):
                    raise stream
                yield History(execution_id, stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scrubbing:
    """One history after another, each with a salt of its own that is forgotten."""

    numbers: bool
    keep: frozenset[str]
    keep_id: bool
    code: Code | None

    def __call__(self, history: History) -> History | None:
        """None for one that would not replay, of which it complains."""
        stand_ins = StandIns(SystemIds().new(), numbers=self.numbers)
        if self.code is None:
            scrubber = Scrubber(stand_ins, keep=self.keep, keep_id=self.keep_id)
            return scrubber.scrubbed(history)
        workflow = self.code.workflows.get(history.workflow)
        if workflow is None:
            complain(f"{history.execution_id}: no module that is named has its workflow")
            return None
        known = self.code.activities
        scrubber = Scrubber(
            stand_ins,
            keep=self.keep,
            keep_id=self.keep_id,
            accepts=reads(workflow, list(history.events), known),
        )
        scrubbed = scrubber.scrubbed(history)
        try:
            made = rederived(workflow, scrubbed)
        except Blocked:
            made = scrubbed
        verdict = examine(workflow, made.execution_id, list(made.events), known)
        if not verdict.safe:
            told = "; ".join(
                " ".join(line.split()) for line in lines(verdict) if "guard" not in line
            )
            complain(
                f"{history.execution_id}: not written, for scrubbed it does not replay (its body "
                f"depends on a text, which --keep FIELD leaves, or on its id: --keep-id): {told}"
            )
            return None
        for place in scrubber.kept:
            complain(f"{made.execution_id}: {place} stays: its type refuses a stand-in")
        return made
