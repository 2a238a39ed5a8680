"""The books: one SQLite file with every order, call, effect and undo, committed before any answer.

WAL, so that the audit and the demo's screen read while the shop writes. The shop's process is never
killed in the demo, so the operating system's cache is durable enough (synchronous NORMAL).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.infrastructure.demo.shop import clock
from perdure.infrastructure.demo.shop.ledger import LEDGERS
from perdure.infrastructure.demo.shop.orders import orders_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, sku TEXT NOT NULL, amount TEXT NOT NULL, address TEXT NOT NULL,
    email TEXT NOT NULL, payment_method TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS mails (
    key TEXT PRIMARY KEY, reference TEXT NOT NULL, order_id TEXT NOT NULL,
    execution_id TEXT NOT NULL, recipient TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    call INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT NOT NULL, order_id TEXT NOT NULL,
    ask INTEGER NOT NULL, execution_id TEXT NOT NULL, key TEXT NOT NULL, conduct TEXT NOT NULL,
    loss TEXT, effect TEXT NOT NULL, status INTEGER NOT NULL, at TEXT NOT NULL,
    UNIQUE (operation, order_id, ask));
"""


class Books:
    """The one writing connection; everything that one call does to the books is one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back when the block raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def reading(self) -> sqlite3.Connection:
        """For a single SELECT, which sees what is committed."""
        return self._connection


@contextmanager
def open_books(path: Path, *, seed: int, orders: int) -> Iterator[Books]:
    """Opens the file, with the day's orders in it; one that is already there goes on as it is."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA + "".join(ledger.schema for ledger in LEDGERS))
        books = Books(connection)
        with books.writing() as writing:
            writing.executemany(
                "INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        order.order_id,
                        order.sku,
                        str(order.amount),
                        order.address,
                        order.email,
                        order.payment_method,
                        clock.now(),
                    )
                    for order in orders_of(seed, orders)
                ],
            )
        yield books
    finally:
        connection.close()
