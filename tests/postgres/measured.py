"""A command of the benchmarks on a server of its own: `python -m tests.postgres.measured copy`.

Unlike the servers of the tests it waits for its disk, which is that of TMPDIR. It is gone when the
command is.
"""

import subprocess
import sys

from tests.postgres.servers import ROOT, Owner

SETTINGS = {
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
}


def main(arguments: list[str]) -> int:
    """The status of the command."""
    owner = Owner()
    try:
        server = owner.servers.another(**SETTINGS)
        command = [sys.executable, "-m", "benchmarks", *arguments, "--journal", server.url()]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    finally:
        owner.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
