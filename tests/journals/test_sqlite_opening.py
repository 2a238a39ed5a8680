"""Two who open a new file at one time: whoever makes it a journal is in the other one's way."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from perdure.infrastructure.sqlite import schema
from perdure.infrastructure.sqlite.connection import connect_sender

SECONDS = 0.1


def test_a_new_file_is_opened_once_the_other_process_lets_go_of_it(tmp_path: Path) -> None:
    # behaviour 67
    path = tmp_path / "payments.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as maker:
        schema.create(maker, path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    let_go = threading.Timer(SECONDS, other.execute, ["COMMIT"])
    let_go.start()
    sender = connect_sender(path, "full", seals=False)
    assert sender.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    sender.close()
    let_go.join()
    other.close()
