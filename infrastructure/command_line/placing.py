"""Places one order with many executions by the journal's mailbox, and hears what became of it.

An order is durable once it is posted, whether an engine runs or not. Whoever waits for the reply
waits for an engine; who stops waiting takes nothing back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from perdure import Client, Handle, PerdureError, connect
from perdure.domain.identity import names_run
from perdure.infrastructure.command_line.targets import Scope, Target

AT_ONCE = 1_000  # orders whose replies are waited for together

Give = Callable[[Handle[Any]], Awaitable[None]]


class Outcome(Enum):
    """What became of an order. The values are for programs, which find them in --json."""

    DONE = "done"
    POSTED = "posted"  # no engine has taken it yet
    NEEDLESS = "needless"  # it would change nothing, so it was not posted
    REFUSED = "refused"
    PLANNED = "planned"  # a dry run: it would be posted


@dataclass(frozen=True, slots=True)
class Placed:
    """One execution, what became of the order to it, and why."""

    target: Target
    outcome: Outcome
    why: str = ""


def foreseen(target: Target, scope: Scope) -> Placed:
    """What is known without asking: an end, a needless order, or one that waits already."""
    if target.ended:
        return Placed(target, Outcome.REFUSED, f"it has ended: {target.state}")
    if target.state in scope.needless:
        return Placed(target, Outcome.NEEDLESS, scope.needless[target.state])
    if scope.order in target.waiting:
        if scope.order == "resolve":  # the next compensation may be stuck too when it comes
            why = "a decision on it waits for an engine already; nothing more was posted"
            return Placed(target, Outcome.REFUSED, why)
        why = "this order to it waits for an engine already; nothing more was posted"
        return Placed(target, Outcome.POSTED, why)
    return Placed(target, Outcome.PLANNED)


async def place(
    url: str,
    targets: Sequence[Target],
    give: Give,
    *,
    wait_seconds: float,
    progressed: Callable[[], None],
) -> list[Placed]:
    """Posts an order to each of these, and waits so long for the reply to each.

    Where an engine has taken none of a thousand in that time, the others are posted only.
    """
    placed: list[Placed] = []
    seconds = wait_seconds
    for start in range(0, len(targets), AT_ONCE):
        async with connect(url, reply_timeout=seconds) as client:
            some = await asyncio.gather(
                *(
                    one(client, target, give, progressed)
                    for target in targets[start : start + AT_ONCE]
                )
            )
        placed += some
        outcomes = {each.outcome for each in some}
        if Outcome.POSTED in outcomes and Outcome.DONE not in outcomes:
            seconds = 0
    return placed


def addressed(target: Target) -> str:
    """The run that was seen: another one that has begun since is not meant."""
    seen = target.execution_id
    return seen if target.row is None or names_run(seen) else f"{seen}~1"


async def one(client: Client, target: Target, give: Give, progressed: Callable[[], None]) -> Placed:
    """Posts the order to this one."""
    try:
        await give(client.handle(addressed(target)))
    except TimeoutError:  # raised once the order is durable, and only then
        return Placed(target, Outcome.POSTED, "no engine has taken it yet")
    except PerdureError as error:
        return Placed(target, Outcome.REFUSED, str(error))
    else:
        return Placed(target, Outcome.DONE)
    finally:
        progressed()
