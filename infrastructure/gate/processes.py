"""A worker as the gate has it: started when it is needed, killed when it hangs, started anew.

One has the hash seed that it is given: texts are in another order in its sets than elsewhere.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from perdure.infrastructure.errors import CodeNotUsable, GateBroken
from perdure.infrastructure.gate import answers
from perdure.infrastructure.gate.answers import CRASHES, HANGS, Answer, Notice, Task
from perdure.sagas import examination

WORKER = "perdure.infrastructure.gate.worker"
START_SECONDS = 120.0  # for the imports of the user
GRACE_SECONDS = 5.0  # beyond its limit, for one that does not end by itself
LINE_BYTES = 1 << 20
FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)')


class Worker:
    """See the module."""

    def __init__(self, task: Task, hash_seed: int) -> None:
        self._task = task
        self._environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        self._process: asyncio.subprocess.Process | None = None
        self._names: list[str] = []

    async def examine(self, ids: Sequence[str]) -> list[Answer]:
        """An answer for each, in their order. Raises CodeNotUsable, GateBroken."""
        found: list[Answer] = []
        while len(found) < len(ids):
            process = self._process or await self._start()
            await self._send(process, msgspec.json.encode(list(ids[len(found) :])))
            found += await self._answers(process, ids[len(found) :])
        return found

    async def workflows(self) -> list[str]:
        """The names that its code answers to. Raises CodeNotUsable, GateBroken."""
        if self._process is None:
            await self._start()
        return self._names

    async def close(self) -> None:
        """Ends the process. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            limit=LINE_BYTES,
            start_new_session=True,  # an interrupt at the terminal is the command's matter
        )
        await self._send(process, msgspec.json.encode(self._task))
        try:
            ready = await asyncio.wait_for(self._notice(process), START_SECONDS)
        except TimeoutError:
            raise CodeNotUsable(
                f"{', '.join(self._task.modules)}: the import takes longer than "
                f"{START_SECONDS:.0f} s; a module that is imported should only declare"
            ) from None
        self._names = ready.workflows
        return process

    async def _send(self, process: asyncio.subprocess.Process, line: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(line + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            return  # it has ended, which the reader tells

    async def _notice(self, process: asyncio.subprocess.Process) -> Notice:
        """What comes before answers. Raises CodeNotUsable, GateBroken."""
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line.startswith(b"{"):
            raise GateBroken(
                f"a process of `perdure check` ended on its own (status {await process.wait()}) "
                f"before it had replayed anything; run `{sys.executable} -m {WORKER}`, and see"
            )
        notice = msgspec.json.decode(line, type=Notice)
        if notice.code_error:
            raise CodeNotUsable(notice.code_error)
        if notice.error:
            raise GateBroken(f"the journal could not be read to its end: {notice.error}")
        return notice

    async def _answers(
        self, process: asyncio.subprocess.Process, ids: Sequence[str]
    ) -> list[Answer]:
        """As many as it gives; the last one is of an execution that ended it, if one did."""
        assert process.stdout is not None
        await self._notice(process)
        found: list[Answer] = []
        patience = self._task.seconds_each + GRACE_SECONDS
        for execution_id in ids:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), patience)
            except TimeoutError:
                line = b""
                process.kill()
            if not line.startswith(b"{"):
                stack = line + await process.stdout.read()
                return [*found, await self._ended(process, execution_id, stack.decode())]
            found.append(msgspec.json.decode(line, type=Answer))
        return found

    async def _ended(
        self, process: asyncio.subprocess.Process, execution_id: str, stack: str
    ) -> Answer:
        status = await process.wait()
        await self.close()
        seconds = self._task.seconds_each
        if stack.startswith("Timeout") or (status == -9 and not stack):
            why = f"{execution_id}: its replay takes longer than {seconds:g} s: the body computes "
            why += "without end or blocks; raise --seconds-each if it is only slow"
            return Answer(id=execution_id, kind=HANGS, where=innermost(stack), why=why)
        why = f"{execution_id}: its replay ended the process (status {status}): the body, or a "
        return Answer(
            id=execution_id,
            kind=CRASHES,
            why=f"{why}type that it uses, does what only activities may",
        )


def innermost(stack: str) -> str:
    """The user's innermost line in the stack of the thread that replays."""
    threads = [each for each in stack.split("\n\n") if " in answer_all" in each]
    files = (os.__file__, examination.__file__, answers.__file__)
    others = tuple(str(Path(file).parent) for file in files if file is not None)
    for found in FRAME.finditer(threads[0] if threads else ""):
        if not found["file"].startswith(("<frozen", *others)):
            return f"{found['file']}:{found['line']}"
    return ""


class Pair:
    """Two workers with hash seeds of their own, which have to find the same."""

    def __init__(self, task: Task, seeds: tuple[int, int]) -> None:
        self.workers = [Worker(task, seed) for seed in seeds]

    async def examine(self, ids: Sequence[str]) -> list[tuple[Answer, Answer]]:
        """What both say of each."""
        try:
            async with asyncio.TaskGroup() as group:
                one, other = [group.create_task(each.examine(ids)) for each in self.workers]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return list(zip(one.result(), other.result(), strict=True))

    async def close(self) -> None:
        for each in self.workers:
            await each.close()


@asynccontextmanager
async def pairs(task: Task, many: int) -> AsyncIterator[list[Pair]]:
    """So many, no two with the same seeds."""
    made = [Pair(task, (2 * number + 1, 2 * number + 2)) for number in range(many)]
    try:
        yield made
    finally:
        for each in made:
            await each.close()
