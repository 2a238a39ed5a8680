"""Runs: the executions that one key has had, one after another, and which of them an id means.

`Pay@7` means the last run there is, `Pay@7~2` the second, `Pay@7~1` the first, which is recorded as
`Pay@7`. Runs have no gaps, so the last one is found by a few looks at the index.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from perdure.domain.identity import Identity, names_run
from perdure.domain.journal import ENDED_STATES, IndexRow

RunAgain: TypeAlias = Literal["never", "after_failure", "always"]

STEPS = 12  # how far one look goes: 1, 2, 4, ... 2,048 runs ahead


class Rows(Protocol):
    """A journal, or a post office."""

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        """The index rows of these; ids without one are absent."""
        ...


async def run_meant(journal: Rows, execution_id: str) -> tuple[str, IndexRow | None]:
    """The run that an id means, as it is recorded, and its row; None if nothing is recorded."""
    identity = Identity.of(execution_id)
    if names_run(execution_id):
        run = str(identity)
        return run, (await journal.rows([run])).get(run)
    first, second = str(identity), str(identity.at(2))
    rows = await journal.rows([first, second])
    if second not in rows:
        return first, rows.get(first)
    last = 2
    while True:
        ahead = {str(identity.at(last + 2**step)): last + 2**step for step in range(STEPS)}
        further = await journal.rows(list(ahead))
        if not further:
            run = str(identity.at(last))
            return run, rows[run]
        rows = further
        last = max(ahead[each] for each in further)


def may_run_again(policy: RunAgain, row: IndexRow) -> bool:
    """Whether another run may follow on this one."""
    if row.state not in ENDED_STATES or policy == "never":
        return False
    return policy == "always" or row.state != "succeeded"
