"""A server's disk that is full when a test says so: no right to mount one is needed.

The server is started with a library, compiled from `disk.c`, which refuses what would make a file
of a database grow. Everything else of it is real.
"""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.postgres.server import Server

SOURCE = Path(__file__).with_suffix(".c")
FULL = "PERDURE_TEST_DISK_IS_FULL"


class Disk:
    """Starts a server anew on such a disk, which has room at first."""

    def __init__(self, server: Server) -> None:
        library = server.folder / "disk.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"],
            check=True,
        )
        library.chmod(0o755)
        self._full = server.folder / "full"
        server.stop()
        self.server = replace(
            server, environment={"LD_PRELOAD": str(library), FULL: str(self._full)}
        )
        self.server.start()

    def fill(self) -> None:
        """Nothing has room any more."""
        self._full.touch()

    def free(self) -> None:
        """There is room again. Idempotent."""
        self._full.unlink(missing_ok=True)
