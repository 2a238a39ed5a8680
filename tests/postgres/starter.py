"""Processes that start servers and come to a bad end: `python -m tests.postgres.starter ROLE ...`.

`owner` begins a run and starts its shared server; `worker FOLDER` asks a run for it. Each tells
the folder of the server in one line, and waits to be killed. `plain FOLDER PROGRAMS` is nobody in
particular from then on, makes a server there, tells its address, and discards it at the end of
its input.
"""

import os
import sys
from pathlib import Path

from tests.postgres import server as servers
from tests.postgres.binaries import account
from tests.postgres.servers import Owner, Servers


def main(role: str, *places: str) -> int:
    match role:
        case "owner":
            owner = Owner()
            tell_and_wait(owner.servers.shared().folder)
            owner.end()
        case "worker":
            tell_and_wait(Servers(Path(places[0])).shared().folder)
        case _:
            make_one(Path(places[0]), Path(places[1]))
    return 0


def make_one(folder: Path, programs: Path) -> None:
    whom = account()
    if whom:  # after the imports: it may not be able to read what lies below another's folder
        os.setgroups([])
        os.setgid(whom["group"])
        os.setuid(whom["user"])
    assert not account()
    password = servers.new_password()
    servers.blank_data(folder / "blank", programs, password)
    own = folder / "own"
    own.mkdir()
    server = servers.make(own, folder / "blank", programs, password, {})
    server.start()
    tell_and_wait(server.url())
    server.discard()


def tell_and_wait(told: object) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
