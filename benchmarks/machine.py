"""What the machine tells: the speed of its disk, memory of this process, places for journals."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.schemas import KINDS, own_schema

BLOCK_BYTES = 8 * 1024
FILE_BLOCKS = 512
KIB_PER_RSS_UNIT = 1 if sys.platform != "darwin" else 1 / 1024


class Disk:
    """Times fdatasync of 8 KiB, written over what is there: as a write-ahead log in use does."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "fdatasync"
        self._count = 0

    def __enter__(self) -> Self:
        self._file = self._path.open("wb", buffering=0)
        self._file.write(os.urandom(BLOCK_BYTES * FILE_BLOCKS))
        os.fsync(self._file.fileno())
        return self

    def sync_seconds(self) -> float:
        offset = self._count % FILE_BLOCKS * BLOCK_BYTES
        self._count += 1
        start = time.perf_counter()
        os.pwrite(self._file.fileno(), os.urandom(BLOCK_BYTES), offset)
        getattr(os, "fdatasync", os.fsync)(self._file.fileno())
        return time.perf_counter() - start

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._path.unlink()


@dataclass(frozen=True)
class Place:
    """The address of a journal, and a folder on the disk that it lies on."""

    url: str
    folder: Path


@contextmanager
def place_for(journal: str) -> Iterator[Place]:
    """`memory`, `sqlite` (a file in TMPDIR), or an address; what was made is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as name:
        folder = Path(name)
        match journal:
            case "memory":
                yield Place(f"memory://{folder.name}", folder)
            case "sqlite":
                yield Place(f"sqlite:///{folder / 'payment.db'}", folder)
            case url if url.startswith(KINDS):
                with own_schema(url) as own:
                    yield Place(own, folder)
            case url:
                yield Place(url, folder)


def peak_rss_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB_PER_RSS_UNIT / 1024


def rss_bytes() -> int:
    """The memory that it has now; Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
