"""One PostgreSQL server of our own: made, started, stopped, brought down as by a crash.

A Server only says where things lie, so that any process may hold it and none has to be the one
that started it. It listens on 127.0.0.1, for a proxy can stand before a port, and on a socket in
the folder above its own. `servers.py` decides how many there are and when they end.
"""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from tests.postgres.binaries import account

# What is written goes to the system at commit, so it survives the death of the server; only the
# end of the machine itself would lose it. `fsync="on"` and `full_page_writes="on"` undo that.
QUICK = {
    "autovacuum": "off",  # nothing lives for a minute, and it may hold a template open
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
DEADLINE_SECONDS = 30
LAST_WORDS = 2000
ROUNDS_FROM = 16  # the version from which on the rounds of a password can be chosen
PLACES = "server.json"

Mode = Literal["smart", "fast", "immediate"]


class ServerFailed(Exception):
    """A program of the server's ended badly; the text has its output and the last of its log."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """`folder` is its own; `programs` has initdb and the others; `environment` is added to."""

    folder: Path
    programs: Path
    port: int
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def socket(self, database: str = "postgres") -> str:
        """The same, for psycopg.connect, by its socket: a path of any kind, hence no URL."""
        path = str(self.folder.parent).replace("\\", "\\\\").replace("'", "\\'")
        return (
            f"host='{path}' port={self.port} user=postgres password={self.password}"
            f" dbname={database}"
        )

    def start(self) -> None:
        """Returns when it takes connections."""
        self._control("start", "--log", str(self.log))

    def stop(self, mode: Mode = "fast") -> None:
        """`immediate` is a crash: nobody says goodbye, and the next start recovers."""
        self._control("stop", "--mode", mode)

    def restart(self, mode: Mode = "fast") -> None:
        self.stop(mode)
        self.start()

    def discard(self) -> None:
        """Ends it in any case, and takes its folder away."""
        with suppress(ServerFailed, subprocess.TimeoutExpired):  # it may not run, or not listen
            self.stop("immediate")
        pid = self.pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pid(self) -> int | None:
        """Of its first process; None where it does not run."""
        try:
            return int((self.data / "postmaster.pid").read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None

    def _control(self, *command: str) -> None:
        patience = ("--wait", "--silent", f"--timeout={DEADLINE_SECONDS}")
        try:
            control = (*command, "-D", str(self.data), *patience)
            run(self.programs / "pg_ctl", *control, environment=self.environment)
        except ServerFailed as failure:
            last = self.log.read_text(errors="replace")[-LAST_WORDS:] if self.log.exists() else ""
            raise ServerFailed(f"{failure}\n{last}") from failure


def blank_data(folder: Path, programs: Path, password: str) -> None:
    """`initdb`, once: servers start from copies."""
    secret = folder.parent / "password"
    secret.write_text(password)
    own(secret)
    # Whoever else is on this machine gets no server to play with.
    run(
        programs / "initdb",
        *("-D", str(folder), "--username", "postgres", "--pwfile", str(secret)),
        *("--auth", "scram-sha-256"),
        *("--no-locale", "--encoding", "UTF8", "--no-sync", "--no-instructions"),
        *quick_passwords(programs),
    )


def quick_passwords(programs: Path) -> tuple[str, ...]:
    """Saves two milliseconds of work for each connection, where `initdb` knows how to.

    Thousands of rounds make a password of people harder to guess; ours is a number of 128 bits.
    """
    told = subprocess.run(
        [str(programs / "initdb"), "--version"],
        check=True,
        cwd="/",
        capture_output=True,
        text=True,
        **account(),
    )
    version = re.search(r"\d+", told.stdout)
    known = version is not None and int(version[0]) >= ROUNDS_FROM
    return ("--set", "scram_iterations=1") if known else ()


def make(
    folder: Path, blank: Path, programs: Path, password: str, settings: Mapping[str, str]
) -> Server:
    """A server in a folder that is there and empty; it is not started yet."""
    own(folder)
    server = Server(folder=folder, programs=programs, port=free_port(), password=password)
    run(Path("cp"), "-Rp", str(blank), str(server.data))
    places = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": str(folder.parent),
    }
    chosen = {**places, **QUICK, **settings}
    lines = [f"{name} = {quoted(value)}\n" for name, value in chosen.items()]
    with (server.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(lines)
    store(server)
    return server


def store(server: Server) -> None:
    told = json.dumps(asdict(server), default=str)
    (server.folder / PLACES).write_text(told, encoding="utf-8")


def load(folder: Path) -> Server:
    told = json.loads((folder / PLACES).read_text(encoding="utf-8"))
    return Server(**{**told, "folder": Path(told["folder"]), "programs": Path(told["programs"])})


def new_password() -> str:
    return secrets.token_hex(16)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def own(path: Path) -> None:
    """Gives it to whom the server runs as."""
    whom = account()
    if whom:
        os.chown(path, whom["user"], whom["group"])


def run(program: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """As the server's user, from a folder that it may see, in a session of its own: no Ctrl-C."""
    path = os.environ.get("PATH", os.defpath)
    result = subprocess.run(
        [str(program), *arguments],
        check=False,
        cwd="/",
        env={"LC_ALL": "C", "PATH": path, "TZ": "UTC", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # what stays of `pg_ctl` would hold a pipe open
        stderr=subprocess.PIPE,
        text=True,
        timeout=2 * DEADLINE_SECONDS,
        start_new_session=True,
        **account(),
    )
    if result.returncode != 0:
        raise ServerFailed(f"{program.name} {arguments[0]} failed: {result.stderr.strip()}")
