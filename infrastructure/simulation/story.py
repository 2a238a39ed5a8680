"""The story of a world: what was stored, called and went wrong, in the order in which it happened.

Events are told as `perdure show` tells them.
"""

from collections.abc import Iterator

from perdure.infrastructure.command_line.sentences import Narrator
from perdure.infrastructure.simulation.schedule import FAILURE
from perdure.infrastructure.simulation.world import Told, World

# What a fault means, by the moment of its happening.
MEANS: dict[str, dict[str, str]] = {
    "append": {
        "crash before": "the process dies before anything of this is stored",
        "crash within, not stored": "the process dies in mid-commit, and this is not stored",
        "crash within, stored": "the process dies in mid-commit, and this is stored",
        "crash after": "the process dies as soon as this is stored",
        "unavailable": "the storage is not available; nothing of this is stored",
        "unsure": "this is stored, and the storage's answer is lost",
        "slow": "this commit takes long",
        "frozen": "the process is frozen for longer than its lease, and goes on then",
        "frozen after": "this is stored, and the process is frozen for longer than its lease then",
        "not renewed": "the lease cannot be renewed for a while",
        "lease lost": "the lease ends at once; whoever waits for it may take over",
        "cancel": "the customer orders it to be cancelled",
        "clock forward": "the journal's clock is set forward by an hour",
    },
    "call": {
        "crash before": "the process dies before it is done",
        "crash after": "it is done, and the process dies before it can say so",
        "defect": "it breaks before anything is done",
        "answer lost": "it is done, the answer is lost, and an error is raised",
        "slow": "it takes long",
        "timeout before": "it hangs, and is never done",
        "timeout after": "it is done, and hangs before it can say so",
        "suspend": "it asks for suspension",
    },
    "begin": {
        "clock behind": "the clock of this process is an hour behind",
        "clock ahead": "the clock of this process is an hour ahead",
    },
    "read": {"unavailable": "the storage cannot be read", "slow": "reading takes long"},
    "post": {
        "twice": "the message arrives twice",
        "late": "the message arrives late",
        "unavailable": "the message cannot be posted at first",
        "unsure": "the message is posted, and the storage's answer is lost",
    },
}


def story(world: World, execution_id: str = "") -> str:
    """All of it, or what is of one execution; a line each, faults marked by ⚡."""
    return "\n".join(lines(world, execution_id))


def lines(world: World, execution_id: str) -> Iterator[str]:
    storage = world.storage
    narrators: dict[str, Narrator] = {}
    told = iter(world.told)
    waiting = next(told, None)
    for append in storage.appends:
        while waiting is not None and waiting.stored <= append.first:
            yield from told_line(waiting)
            waiting = next(told, None)
        head = f"{at(append.time)}  {append.owner}"
        for row in storage.log.events[append.first : append.last]:
            if execution_id not in ("", row.execution_id):
                continue
            stream = world.stream(row.execution_id)
            narrator = narrators.setdefault(row.execution_id, Narrator(stream))
            sentence = narrator.tell(stream[row.version - 1])
            name = "" if execution_id else f"{row.execution_id}  "
            yield f"{head:<34}  {name}{row.version:>3}  {sentence.mark} {sentence.text}"
            head = ""
    while waiting is not None:
        yield from told_line(waiting)
        waiting = next(told, None)


def told_line(told: Told) -> Iterator[str]:
    head = f"{at(told.time)}  {told.who}"
    if told.moment == "call" or not told.fault:
        yield f"{head:<34}  {told.what}"
        head = ""
    if told.fault:
        yield f"{head:<34}  ⚡ {meaning(told.moment, told.fault)}"


def meaning(moment: str, fault: str) -> str:
    """A fault in words."""
    if fault.startswith(FAILURE):
        return f"it fails with {fault.removeprefix(FAILURE)}, and nothing is done"
    return MEANS[moment][fault]


def at(time: int) -> str:
    """A time of the world, in seconds since it began."""
    return f"{time / 1_000_000:>12,.3f} s"
