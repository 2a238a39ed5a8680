"""A shop for the tests: the real process, over real HTTP."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from perdure.infrastructure.demo.facts import Books, read_books
from perdure.infrastructure.demo.shop.orders import Order, orders_of

SEED = 7
ORDERS = 1000


@dataclass(frozen=True, kw_only=True)
class RunningShop:
    """A shop that answers; `pick` hands out each order once, so that tests do not share asks."""

    url: str
    file: Path
    process: "subprocess.Popen[str]"
    taken: set[str] = field(default_factory=set)

    def books(self) -> Books:
        return read_books(self.file)

    def pick(self, suits: Callable[[str], bool]) -> Order:
        for order in orders_of(SEED, ORDERS):
            if order.order_id not in self.taken and suits(order.order_id):
                self.taken.add(order.order_id)
                return order
        raise AssertionError(f"seed {SEED} has no such order")


@contextmanager
def running_shop(file: Path, *, seed: int = SEED, orders: int = ORDERS) -> Iterator[RunningShop]:
    """Starts the process, waits for its ready line, and ends it by closing its stdin."""
    command = [sys.executable, "-m", "perdure.infrastructure.demo.shop", "--until-stdin-closes"]
    options = ["--books", str(file), "--seed", str(seed), "--orders", str(orders)]
    with subprocess.Popen(
        command + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = json.loads(process.stdout.readline())["port"]
            yield RunningShop(url=f"http://127.0.0.1:{port}", file=file, process=process)
        finally:
            process.stdin.close()
            process.wait(timeout=10)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop") / "books.db") as running:
        yield running
