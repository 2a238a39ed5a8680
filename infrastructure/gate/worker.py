"""A process in which bodies are replayed: it may hang or die, and is then started anew.

    python -m perdure.infrastructure.gate.worker

It reads a Task, then lists of ids, each a line, and answers a line for each id, in their order.
Nothing is written to the journal. What the user's code prints goes to stderr.
"""

import asyncio
import faulthandler
import logging
import os
import sys
from typing import BinaryIO

import msgspec

from perdure.domain.errors import PerdureError, Undecodable, UnknownCode
from perdure.domain.events import Event
from perdure.domain.identity import Identity
from perdure.domain.journal import Journal
from perdure.infrastructure.errors import CodeNotUsable
from perdure.infrastructure.gate.answers import Answer, Notice, Task, answer_of, cut
from perdure.infrastructure.gate.code import Code, code_of
from perdure.infrastructure.journals import open_journal
from perdure.sagas.examination import Verdict, examine
from perdure.sagas.guards import guard_against


def main() -> None:
    """Until its input ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    lines = sys.stdin.buffer
    task = msgspec.json.decode(lines.readline(), type=Task)
    try:
        code = code_of(task.modules)
        logging.disable(logging.CRITICAL)  # of bodies, and of us: the answers tell it all
        with asyncio.Runner() as runner:
            journal = runner.run(open_journal(task.url, read_only=True))
            try:
                tell(answers, Notice(workflows=sorted(code.workflows)))
                while line := lines.readline():
                    ids = msgspec.json.decode(line, type=list[str])
                    streams = runner.run(read(journal, ids))
                    tell(answers, Notice(read=True))
                    answer_all(answers, streams, code, task.seconds_each)
            finally:
                runner.run(journal.close())
    except CodeNotUsable as error:
        tell(answers, Notice(code_error=str(error)))
    except PerdureError as error:
        tell(answers, Notice(error=str(error)))


async def read(journal: Journal, ids: list[str]) -> dict[str, list[Event] | Undecodable]:
    """Their streams, in the order of the ids."""
    found = await journal.read(ids)
    missing = "its events cannot be read (there are none)"
    return {each: found.get(each) or Undecodable(each, "event 1", missing) for each in ids}


def answer_all(
    answers: BinaryIO,
    streams: dict[str, list[Event] | Undecodable],
    code: Code,
    seconds_each: float,
) -> None:
    """One that takes longer ends the process, with a stack for its answer."""
    for execution_id, stream in streams.items():
        faulthandler.dump_traceback_later(seconds_each, exit=True, file=answers)
        try:
            answer = answered(execution_id, stream, code)
        finally:
            faulthandler.cancel_dump_traceback_later()
        tell(answers, answer)


def answered(execution_id: str, stream: list[Event] | Undecodable, code: Code) -> Answer:
    if isinstance(stream, Undecodable):
        return Answer(id=execution_id, kind="unreadable", why=cut(str(stream)))
    name = Identity.of(execution_id).name
    workflow = code.workflows.get(name)
    if workflow is None:
        why = f"{execution_id}: no workflow named {name!r} is in the modules that were named"
        guard = guard_against(UnknownCode(execution_id, "workflow", name))
        verdict = Verdict(kind="unknown code", why=why, guard=guard)
    else:
        verdict = examine(workflow, execution_id, stream, code.activities)
    return answer_of(execution_id, stream, verdict)


def tell(answers: BinaryIO, line: Answer | Notice) -> None:
    """One write of the whole line, so that a stack is never within one."""
    rest = memoryview(msgspec.json.encode(line) + b"\n")
    while rest:
        rest = rest[answers.write(rest) :]


if __name__ == "__main__":
    main()
