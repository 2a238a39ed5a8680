"""`assert_replays`: recorded histories against the code of today, in a test.

A history that does not replay fails the test, and says at which event, what is recorded, what the
code does instead, at which line, and which guard would keep it going.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from perdure.infrastructure.errors import HistoryNotUsable
from perdure.infrastructure.histories.document import History, read_histories
from perdure.sagas.activity import Activity
from perdure.sagas.examination import Verdict, examine
from perdure.sagas.workflow import Workflow

T = TypeVar("T")


def assert_replays(
    workflow: Workflow[Any, Any],
    history: str | Path | History,
    *,
    activities: Sequence[Activity[..., Any]] = (),
) -> None:
    """Replays what is recorded against the workflow as it is now. AssertionError where it diverges.

    `history` is a file that `perdure export` has written, a folder of such files, of which those of
    this workflow count, or a History. `activities` are those that bodies no longer call, as for
    `open_engine`. HistoryNotUsable for a file that cannot be read, and where there is none of this
    workflow.

    >>> def test_payments_of_last_year_go_on():
    ...     assert_replays(process_payment, "tests/histories")
    """
    __tracebackhide__ = True
    histories = [history] if isinstance(history, History) else read_histories(history)
    names = (workflow.name, *workflow.aliases)
    mine = [each for each in histories if each.workflow in names]
    if not mine:
        others = ", ".join(sorted({each.workflow for each in histories}))
        raise HistoryNotUsable(
            str(history) if not isinstance(history, History) else history.execution_id,
            f"there is no history of {workflow.name} in it, only of {others}",
        )
    known = {name: each for each in activities for name in (*each.aliases, each.name)}
    found = [
        told(each, verdict)
        for each in mine
        if not (verdict := outside_tasks(_examined(workflow, each, known))).safe
    ]
    if found:
        many = f"{len(found)} of {len(mine)} histories do not replay:\n\n" if len(mine) > 1 else ""
        raise AssertionError(many + "\n\n".join(found))


def _examined(
    workflow: Workflow[Any, Any], history: History, known: dict[str, Activity[..., Any]]
) -> Callable[[], Verdict]:
    return lambda: examine(workflow, history.execution_id, list(history.events), known)


def outside_tasks(work: Callable[[], T]) -> T:
    """Calls it where no task runs: no body can be entered within one, as in an async test."""
    if asyncio._get_running_loop() is None:
        return work()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def told(history: History, verdict: Verdict) -> str:
    """A history and its verdict in lines, as pytest shows them."""
    source = f" ({history.source})" if history.source else ""
    return "\n".join([f"{history.execution_id} does not replay{source}", *lines(verdict)])


def lines(verdict: Verdict) -> Iterator[str]:
    """What does not fit, one fact a line."""
    if not verdict.expected:
        yield f"  {verdict.why}"
    else:
        at = f"event {verdict.event}"
        also = "" if verdict.position == at else f", {verdict.position}"
        yield f"  at:        {at}{also}"
        yield f"  recorded:  {verdict.expected}"
        yield f"  now:       {verdict.actual}"
    if verdict.where:
        yield f"  line:      {verdict.where}"
    if verdict.guard is not None:
        yield f"  guard:     {verdict.guard.code}"
        yield f"             {verdict.guard.told}"
