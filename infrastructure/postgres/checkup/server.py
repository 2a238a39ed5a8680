"""Checks of the server: its version, the settings that matter, connections left, its clock."""

from collections.abc import Iterator

from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.keeping import Finding, failed, ok, warning
from perdure.infrastructure.postgres import lease
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.log import Statements

OLDEST, NEWEST_TRIED = 14, 18
SECOND = 1_000_000
APART_SECONDS = 2
FULL = 0.8  # of the connections that the server allows

# What the server is set to, where this session may have another value.
SET = "SELECT name, reset_val FROM pg_catalog.pg_settings WHERE name = ANY (%s)"
MUST_BE_ON = {
    "fsync": "what was acknowledged is lost when the machine ends: set fsync = on",
    "full_page_writes": "pages may be torn when the machine ends: set full_page_writes = on",
}
CONNECTIONS = """
    SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::integer
            - current_setting('superuser_reserved_connections')::integer
"""


def version(connection: Connection, _: Statements) -> Iterator[Finding]:
    name, found = "server version", connection.info.server_version // 10_000
    if found < OLDEST:
        yield failed(name, str(found), f"use PostgreSQL {OLDEST} or later")
    elif found > NEWEST_TRIED:
        tried = f"{OLDEST} to {NEWEST_TRIED}"
        yield warning(name, str(found), f"Perdure was tried on {tried}: use one of these")
    else:
        yield ok(name, str(found))


def settings(connection: Connection, _: Statements) -> Iterator[Finding]:
    names = [*MUST_BE_ON, "synchronous_commit", "default_transaction_isolation"]
    found: dict[str, str] = dict(connection.execute(SET, (names,)).fetchall())
    for name, next_step in MUST_BE_ON.items():
        yield ok(name, "on") if found[name] == "on" else failed(name, found[name], next_step)
    for name, value in (("synchronous_commit", "on"), ("default_transaction_isolation", "")):
        now = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        assert now is not None
        ours = "" if now[0] == found[name] else f"; Perdure's connections use {now[0]!r}"
        if value and found[name] in ("local", "remote_write"):
            yield warning(
                name,
                f"{found[name]}{ours}",
                "a standby that takes over may lack what was acknowledged: set it to on",
            )
        else:
            yield ok(name, f"{found[name]}{ours}")


def connections(connection: Connection, _: Statements) -> Iterator[Finding]:
    [(used, allowed)] = connection.execute(CONNECTIONS).fetchall()
    told = f"{used} of {allowed} are in use"
    if used >= allowed * FULL:
        next_step = "raise max_connections; an engine takes up to 6, a client 3"
        yield warning("connections", told, next_step)
    else:
        yield ok("connections", told)


def clock(connection: Connection, _: Statements) -> Iterator[Finding]:
    """The time there, against the middle of the time here before and after."""
    here = SystemClock()
    before = here.now()
    there = lease.now(connection)
    after = here.now()
    apart = (there - (before + after) / 2) / SECOND
    told = f"the server's is {abs(apart):.3f} s {'ahead of' if apart > 0 else 'behind'} this one's"
    if abs(apart) > APART_SECONDS + (after - before) / SECOND:
        yield warning("clock", told, "set both by NTP; leases and timers go by the server's")
    else:
        yield ok("clock", told)
