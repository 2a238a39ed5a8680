"""Code that is good although it looks odd: a false alarm is worse than a miss."""

from pathlib import Path

import pytest

from tests.docs.pages import blocks, pages
from tests.lint.linted import found

# What the sagas of these pages are meant to have: no undo yet, and one that gets stuck.
MEANT = {
    "01_first_saga": {"PD201"},
    "step_in": {"PD203"},
    "lint_your_sagas": {"PD101", "PD108", "PD110", "PD201", "PD205"},
}

GOOD = """
from __future__ import annotations
import asyncio, contextlib, dataclasses, datetime as dt, functools, json, logging
import os, random, re, time, uuid
from collections import Counter, defaultdict, deque
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Annotated, TYPE_CHECKING, cast
import httpx
from pydantic import BaseModel, Field
import perdure
from perdure import Failure, Retry, activity, current_activity, logger, now, suspend
from perdure import version, workflow
if TYPE_CHECKING:
    from threading import Thread

log = logging.getLogger(__name__)
LIMIT = Decimal(os.environ.get("LIMIT", "10"))
NAMES = {"a": 1}
TAGS = frozenset({"x", "y"})

class Kind(Enum):
    A = "a"
    B = "b"

class Declined(Failure):
    reason: str

class Line(BaseModel):
    sku: str
    numbers: set[int] = set()
    kinds: Annotated[frozenset[str], Field()] = frozenset()
    made: dt.datetime | None = None
    parent: Line | None = None
    @property
    def total(self) -> Decimal:
        return sum((Decimal(n) for n in self.numbers), Decimal(0))

@dataclasses.dataclass
class State:
    open: list[str] = dataclasses.field(default_factory=list)
    by: dict[str, int] = dataclasses.field(default_factory=dict)
    def add(self, name: str) -> None:
        self.open.append(name)
        self.by[name] = len(self.open)

@activity(raises=[Declined], retry=Retry.exponential(first=1, maximum=5, attempts=3))
async def charge(sku: str) -> str:
    async with httpx.AsyncClient() as client:
        headers = {"Idempotency-Key": current_activity().idempotency_key}
        response = await client.post("https://x", json={"sku": sku}, headers=headers)
        response.raise_for_status()
        return response.json()["id"]

@charge.compensate
async def refund(result: str | None, sku: str) -> None:
    await httpx.AsyncClient().delete(f"https://x/{result or sku}")

@activity
def read(sku: str) -> str:
    return Path(sku).read_text()

@activity
def remember(sku: str) -> None:
    Path("out").write_text(sku)

@functools.lru_cache
def parsed(text: str) -> tuple[str, ...]:
    return tuple(re.findall("a", text))

@contextlib.asynccontextmanager
async def guarded(name: str):
    try:
        yield name
    finally:
        logger.info(name)

async def each(lines: list[Line], state: State) -> list[str]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(charge(line.sku)) for line in lines]
    for line in lines:
        state.add(line.sku)
    return [task.result() for task in tasks]

@workflow(key="sku", raises=[Declined], deadline=30.0)
async def buy(line: Line) -> str:
    state = State()
    seen: set[str] = set()
    seen.add(line.sku)
    if "x" in TAGS and seen <= TAGS | {"z"}:
        seen |= {"q"}
    counts = Counter(line.sku)
    counts.update("abc")
    groups = defaultdict(list)
    groups["a"].append(1)
    queue = deque([1]); queue.append(2)
    for number in line.numbers: state.add(str(number))
    for kind in Kind: state.add(kind.value)
    for name in sorted(seen): state.add(name)
    for name in sorted(x for x in seen if x): state.add(name)
    ok = any(name == "x" for name in seen)
    biggest = max(seen, key=len)
    upper = {name.upper() for name in seen}
    moment = now() + dt.timedelta(days=1)
    date = now().date().isoformat()
    stamp = dt.datetime.fromisoformat("2024-01-01")
    rng = random.Random(line.sku)
    rng.shuffle(list(range(3)))
    key = uuid.uuid5(uuid.NAMESPACE_DNS, line.sku)
    path = PurePosixPath("a") / "b"
    other = Path("a/b").with_suffix(".txt").name
    text = json.dumps({"a": str(path)}).replace("a", "b")
    made = Line(sku="x", made=now())
    copy = line.model_copy(update={"sku": "b"})
    rates = dict(NAMES); rates["z"] = 3; rates.update(b=2)
    started = asyncio.get_running_loop().time()
    event = asyncio.Event(); event.set(); await event.wait()
    lock = asyncio.Lock()
    async with lock, guarded("a") as name: state.add(name)
    try:
        async with asyncio.timeout(5):
            await charge(line.sku)
    except TimeoutError:
        await suspend("late")
    return ""

@workflow(key=str)
async def more(sku: str) -> None:
    handles = []
    for n in range(3):
        handles.append(charge(f"{n}"))
    results = await asyncio.gather(*handles, return_exceptions=True)
    first, *rest = results
    pending = {asyncio.create_task(charge("a")), asyncio.create_task(read("b"))}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            logger.info("%s", task.result())
    task = asyncio.create_task(charge("c"))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(task)
    try:
        await charge("d")
    except BaseException as error:
        logger.warning("%s", error)
        raise
    call = charge("e")
    try:
        await asyncio.wait_for(call, 5)
    except asyncio.TimeoutError:
        pass
    lazily = lambda: charge("f")
    await lazily()
    if not perdure.is_replaying():
        log.info("once"); print("once")
    print_ = logger.info
    print_("x")
    match sku:
        case "a": await charge("x")
        case _: pass
    await asyncio.sleep((now() - now()).total_seconds())
    if version("new", 2) >= 2:
        await charge("z")
    name = "time"
    time = now()
    time.time()
    asyncio.current_task().set_name("main")
    await remember("x")
"""


def test_good_code_gives_no_alarm(tmp_path: Path) -> None:
    assert found(tmp_path, saga=GOOD) == []
    bad = GOOD.replace("    call = charge", "    time_ = dt.datetime.now()\n    call = charge")
    assert [each.code for each in found(tmp_path, saga=bad)] == ["PD101"]


SAGAS = [page for page in pages() if any(each.name.endswith(".py") for each in blocks(page))]


@pytest.mark.parametrize("page", SAGAS, ids=lambda page: page.stem)
def test_the_sagas_of_the_documentation_have_only_what_they_are_meant_to(
    page: Path, tmp_path: Path
) -> None:
    files = {
        block.name.removesuffix(".py"): block.text
        for block in blocks(page)
        if block.name.endswith(".py")
    }
    assert {each.code for each in found(tmp_path, **files)} == MEANT.get(page.stem, set())
