"""Ends the servers of a run when its owner is gone: `python -m tests.postgres.janitor FOLDER`.

Returns at once, and goes on as a process of its own that no Ctrl-C reaches. It waits for the lock
that the owner holds while it lives: no asking again and again, and no taking another process of
the same number for the owner.
"""

import fcntl
import os
import shutil
import sys
from pathlib import Path

from tests.postgres.server import PLACES, load
from tests.postgres.servers import JANITOR, OWNER, STARTS


def main(folder: Path) -> int:
    own = (folder / JANITOR).open("w")
    fcntl.flock(own, fcntl.LOCK_EX)  # handed on by the fork: who waits for it waits for the end
    if os.fork():
        return 0
    os.setsid()
    with own, (folder / OWNER).open("r+") as owner:
        fcntl.lockf(owner, fcntl.LOCK_EX)
        with (folder / STARTS).open() as starts:
            fcntl.flock(starts, fcntl.LOCK_EX)  # a worker that outlived the owner may be starting
            for told in folder.glob(f"*/{PLACES}"):
                load(told.parent).discard()
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
