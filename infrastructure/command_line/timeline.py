"""A stream as a timeline that a person can read: the way forward, the rollback apart, the end.

Each line is one event; what it says is `sentences`' matter.
"""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.identity import Identity, first_run
from perdure.domain.states import (
    ITS_START,
    BlockedByCode,
    Compensating,
    Running,
    State,
    Stuck,
    Suspended,
    Waiting,
    moment,
    word_of,
)
from perdure.infrastructure.command_line.listing import STYLES, local
from perdure.infrastructure.command_line.reading import Record
from perdure.infrastructure.command_line.sentences import Narrator, seconds
from perdure.infrastructure.command_line.terminal import printable


def timeline(record: Record) -> Iterator[RenderableType]:
    """What to print, part by part."""
    stream, began = record.stream, record.stream[0].time
    yield heading(record)
    narrator = Narrator(stream)
    turn = turn_of(stream)
    yield lines(narrator, stream[:turn], began)
    if turn < len(stream) and isinstance(stream[turn], events.CompensationBegan):
        back = len(stream) - isinstance(stream[-1], events.TERMINAL)
        yield Text("  rollback", style="bold yellow")
        yield lines(narrator, stream[turn:back], began)
    yield ending(record, narrator)


def turn_of(stream: Sequence[Event]) -> int:
    """Where the way forward is over: at the rollback, at the end, or not yet."""
    for place, event in enumerate(stream):
        if isinstance(event, (events.CompensationBegan, *events.TERMINAL)):
            return place
    return len(stream)


def heading(record: Record) -> Text:
    """Id, state, and when it was."""
    word = word_of(record.state)
    head = Text(printable(record.execution_id), style="bold")
    head.append(f"  {word}", style=STYLES.get(word, "cyan"))
    took = seconds(record.stream[-1].time - record.stream[0].time)
    ended = isinstance(record.stream[-1], events.TERMINAL)
    later = isinstance(record.state, Waiting) and record.state.waits_for == ITS_START
    head.append(
        f"\n  {'begins' if later else 'started'} {local(record.stream[0].time)}, "
        f"{len(record.stream)} events, "
        f"{'ended' if ended else 'the last'} after {took} s",
        style="dim",
    )
    if record.runs > 1:
        run = Identity.of(record.execution_id)
        others = "" if run.run == 1 else f"; the first: {first_run(record.execution_id)}~1"
        head.append(f"\n  run {run.run} of {record.runs}{printable(others)}", style="dim")
    first = record.stream[0]
    if isinstance(first, events.ExecutionStarted) and first.tags:
        tags = ", ".join(f"{name}={value}" for name, value in first.tags.items())
        head.append(f"\n  {printable(tags)}", style="dim")
    return head


def lines(narrator: Narrator, stream: Sequence[Event], began: int) -> RenderableType:
    """A line for each event: when, a mark, what."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for event in stream:
        said = narrator.tell(event)
        at = Text(f"+{seconds(event.time - began)} s", style="dim")
        grid.add_row(at, Text(said.mark, style=said.style), Text(said.text))
    return Padding(grid, (0, 0, 0, 2))


def ending(record: Record, narrator: Narrator) -> RenderableType:
    """The end and its reason, or what it waits for."""
    last = record.stream[-1]
    if isinstance(last, events.TERMINAL):
        said = narrator.tell(last)
        word = word_of(record.state)
        text = Text("  end: ", style="bold")
        return text.append(said.text, style=STYLES.get(word, ""))
    text = Text("  open: ", style="bold")
    return text.append(standing(record.state, record.stream[0].time))


def standing(state: State, began: int) -> str:
    """How an execution is that has not ended."""
    match state:
        case Running(activities):
            doing = f", in {', '.join(activities)}" if activities else ""
            return f"it runs{doing}"
        case Waiting(what) if what == ITS_START:
            return f"it begins at {local(began)}"
        case Waiting(what, until):
            due = "" if until is None else f", due at +{seconds(moment(until) - began)} s"
            return f"it waits for {what}{due}"
        case Suspended(reason):
            return printable(f"it is suspended until somebody resumes it: {reason}")
        case BlockedByCode():
            return printable(f"it is blocked until code runs that fits: {state}")
        case Compensating(left):
            return f"it is being rolled back, to undo: {', '.join(left)}"
        case Stuck(activity, reason):
            return printable(f"it is stuck, {activity} could not be undone: {reason}")
        case _:
            return word_of(state)
