"""The demo's processes: the shop and one worker after the other, none of which outlives the demo.

Each gets a pipe as its stdin and ends when that closes, so that even a demo that was killed leaves
nothing behind. Each has a session of its own: Ctrl-C reaches the demo alone, which then ends them.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from perdure.infrastructure.errors import DemoFailed

READY_SECONDS = 30.0
END_SECONDS = 5.0


class Child:
    """A process that has said that it is ready; `said` is its line of JSON."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self.said: dict[str, Any] = {}
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.returncode

    async def ready(self) -> None:
        """Waits for its line. Raises DemoFailed when it ends, or says nothing, instead."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            raise self.failed("did not get ready")
        self.said = json.loads(line)

    async def kill(self) -> None:
        """SIGKILL: nothing in it runs any more when this returns."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it ended just now
                self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """Closes its stdin, which ends it, and kills it if it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        await self.kill()

    def failed(self, what: str) -> DemoFailed:
        """The error that says so, with the last words of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        last = f" ({lines[-1].strip()})" if lines else ""
        return DemoFailed(f"the {self.name} {what}{last}; its log is {self.log}")


class Processes:
    """What was started, in a folder for their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    async def shop(self, *, books: Path, seed: int, orders: int) -> Child:
        """The outside world; `said` has its port."""
        options = ["--books", str(books), "--seed", str(seed), "--orders", str(orders)]
        return await self._start("shop", *options, "--until-stdin-closes")

    async def worker(self, *, journal: str, shop: str, at_once: int) -> Child:
        """An engine that takes the orders; ready when it is open."""
        options = ["--journal", journal, "--shop", shop, "--at-once", str(at_once)]
        return await self._start("worker", *options)

    async def end_all(self) -> None:
        """Ends what still runs, the last one first. Idempotent."""
        while self._children:
            await self._children[-1].end()
            self._children.pop()

    async def _start(self, name: str, *options: str) -> Child:
        log = self._folder / f"{name}.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"perdure.infrastructure.demo.{name}", *options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        await child.ready()
        return child


@asynccontextmanager
async def processes(folder: Path) -> AsyncIterator[Processes]:
    """Starts processes within the block, and ends them all after it."""
    started = Processes(folder)
    try:
        yield started
    finally:
        await started.end_all()
