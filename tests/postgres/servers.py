"""The PostgreSQL servers of one run of the tests: one that all share, and others with their own
settings. They start when first asked for, and end with the process that began the run.

The Owner (pytest's first process) holds a lock for as long as it lives, however it ends. Whoever
starts the first server first starts a janitor, which waits for that lock: see `janitor.py`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.postgres import server as servers
from tests.postgres.binaries import CHOICE, account, open_to_all, programs
from tests.postgres.server import Server

ROOT = Path(__file__).resolve().parents[2]
OWNER = "owner.lock"
JANITOR = "janitor.lock"
STARTS = "starts.lock"
ROOM_FOR_SOCKETS = 60  # of the 103 bytes that the path of a socket may have on macOS


@dataclass(frozen=True)
class Servers:
    """Of the run that has this folder; any of its processes may ask."""

    folder: Path

    def shared_url(self) -> str:
        """An address of the server that all tests share: PERDURE_TEST_POSTGRES, or our own."""
        chosen = os.environ.get(CHOICE, "")
        return chosen if "://" in chosen else self.shared().url()

    def shared(self) -> Server:
        """Nobody restarts it, or changes what all of it has: others are at work on it."""
        with self._starting():
            folder = self.folder / "shared"
            running = self.folder / "shared.runs"
            if not running.exists():
                if (folder / servers.PLACES).exists():  # whoever began it died over it
                    servers.load(folder).discard()
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                self._make(folder, {}).start()
                running.touch()
            return servers.load(folder)

    def another(self, **settings: str) -> Server:
        """A server of one's own, started: `fsync="on"`. For `discard()` when done with."""
        with self._starting():
            folder = Path(tempfile.mkdtemp(prefix="server-", dir=self.folder))
            server = self._make(folder, settings)
        server.start()
        return server

    def _make(self, folder: Path, settings: dict[str, str]) -> Server:
        secret, blank = self.folder / "secret", self.folder / "blank"
        found = programs(self.folder / "programs")
        if not secret.exists():  # the last thing written
            shutil.rmtree(blank, ignore_errors=True)
            password = servers.new_password()
            servers.blank_data(blank, found, password)
            secret.write_text(password)
        return servers.make(folder, blank, found, secret.read_text(), settings)

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """One at a time, and none without a janitor."""
        with (self.folder / STARTS).open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not (self.folder / JANITOR).exists():
                subprocess.run(
                    [sys.executable, "-m", "tests.postgres.janitor", str(self.folder)],
                    cwd=ROOT,
                    check=True,
                )
            yield


class Owner:
    """Begins a run; when its process is gone, by whatever end, so are the run's servers."""

    def __init__(self) -> None:
        self.servers = Servers(
            Path(tempfile.mkdtemp(prefix="perdure-postgres-", dir=short_folder()))
        )
        servers.own(self.servers.folder)
        # Not flock, which a fork of this process would hold on to. This process must never open
        # the file a second time: closing it would let the lock go.
        self._life: IO[str] = (self.servers.folder / OWNER).open("w")
        fcntl.lockf(self._life, fcntl.LOCK_EX)

    def end(self) -> None:
        """Returns when everything is stopped and removed. A second time it does nothing."""
        if self._life.closed:
            return
        folder = self.servers.folder
        try:
            janitor = (folder / JANITOR).open()
        except FileNotFoundError:
            self._life.close()
            shutil.rmtree(folder)
            return
        with janitor:
            self._life.close()
            fcntl.flock(janitor, fcntl.LOCK_EX)  # the janitor's, until it has done


def short_folder() -> str:
    """The one for temporary files if the server's user gets there, and paths may grow on it."""
    chosen = tempfile.gettempdir()
    within_reach = not account() or open_to_all(Path(chosen))
    return chosen if within_reach and len(os.fsencode(chosen)) <= ROOM_FOR_SOCKETS else "/tmp"
