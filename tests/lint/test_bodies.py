"""Each rule of bodies fails on a bad sample, and lets its good neighbour pass."""

from pathlib import Path

import pytest

from tests.lint.linted import codes, in_body

# Code, what stands before the workflow, a body that breaks the rule, one that does not.
SAMPLES = [
    ("PD101", "import time", "time.time()", "perdure.now()"),
    ("PD101", "import time as t", "started = t.monotonic_ns()", "t.struct_time"),
    ("PD101", "import time", "time.gmtime()", "time.gmtime(0)"),
    ("PD101", "import time", "time.strftime('%Y')", "time.strftime('%Y', time.gmtime(0))"),
    ("PD101", "from datetime import datetime as d", "d.now()", "d.fromisoformat(order.order_id)"),
    ("PD101", "import datetime", "datetime.date.today()", "datetime.date(2024, 1, 1)"),
    ("PD102", "import random", "random.choice([1, 2])", "perdure.random()"),
    ("PD102", "from random import shuffle as mix", "mix([1])", "sorted([1])"),
    ("PD102", "import random", "random.Random().random()", "random.Random(7).random()"),
    (
        "PD102",
        "import random\nr = random.Random()",
        "r.random()",
        "r = random.Random(7)\nr.choice([1])",
    ),
    ("PD102", "import secrets", "secrets.token_hex()", "secrets.compare_digest('a', 'b')"),
    ("PD102", "import numpy as np", "np.random.rand()", "np.random.default_rng(3).normal()"),
    ("PD102", "import os", "os.urandom(8)", "os.fspath('a')"),
    ("PD103", "from uuid import uuid4", "uuid4()", "perdure.uuid4()"),
    ("PD103", "import uuid", "uuid.uuid1()", "uuid.uuid5(uuid.NAMESPACE_URL, 'a')"),
    ("PD104", "", "open('a').read()", "order.open()"),
    ("PD104", "from pathlib import Path", "Path('a').read_text()", "Path('a').with_suffix('.b')"),
    (
        "PD104",
        "from pathlib import Path",
        "(Path('a') / 'b').unlink()",
        "Path('a').name.replace('a', 'b')",
    ),
    ("PD104", "import httpx", "httpx.get('x')", "httpx.URL('x')"),
    (
        "PD104",
        "import httpx",
        "async with httpx.AsyncClient() as c:\n    x = 1",
        "async with asyncio.timeout(1) as c:\n    x = 1",
    ),
    (
        "PD104",
        "import httpx\nclient = httpx.AsyncClient()",
        "await client.get('x')",
        "client.base_url",
    ),
    ("PD104", "import requests", "requests.post('x')", "requests.exceptions.HTTPError()"),
    ("PD104", "from urllib import request, parse", "request.urlopen('x')", "parse.quote('x')"),
    ("PD104", "import socket", "socket.gethostname()", "socket.htons(1)"),
    ("PD104", "import sqlite3", "sqlite3.connect('x')", "sqlite3.Row"),
    (
        "PD104",
        "import sqlalchemy\ndb = sqlalchemy.create_engine('x')",
        "db.begin()",
        "sqlalchemy.select()",
    ),
    ("PD104", "import psycopg", "psycopg.connect('x')", "psycopg.sql.SQL('x').format()"),
    ("PD104", "import shutil", "shutil.rmtree('x')", "shutil.Error()"),
    ("PD104", "", "input()", "input = len\ninput('')"),
    ("PD105", "import os", "os.environ['A']", "os.sep"),
    ("PD105", "from os import environ, path", "x = environ.get('A')", "x = path.join('a', 'b')"),
    ("PD105", "import os", "os.environ['A'] = 'b'", "os.fspath('A')"),
    ("PD105", "import os", "os.getenv('A')", "os.fspath('A')"),
    ("PD106", "import threading", "threading.Thread(target=len)", "threading.Lock()"),
    ("PD106", "", "await asyncio.to_thread(len, '')", "await asyncio.sleep(1)"),
    ("PD106", "from concurrent.futures import ThreadPoolExecutor as T", "T()", "T.__name__"),
    (
        "PD106",
        "",
        "await asyncio.get_running_loop().run_in_executor(None, len)",
        "asyncio.get_running_loop().time()",
    ),
    ("PD106", "import subprocess", "subprocess.run('x')", "subprocess.CalledProcessError(1, 'x')"),
    ("PD107", "from time import sleep", "sleep(1)", "await asyncio.sleep(1)"),
    ("PD108", "", "print('x')", "perdure.logger.info('x')"),
    ("PD108", "", "print('x')", "if not perdure.is_replaying():\n    print('x')"),
    (
        "PD108",
        "import logging\nlog = logging.getLogger(__name__)",
        "log.info('x')",
        "log.isEnabledFor(1)",
    ),
    ("PD109", "count = 0", "global count\ncount += 1", "count = 0\ncount += 1"),
    ("PD109", "seen = []", "seen.append(1)", "seen = []\nseen.append(1)"),
    ("PD109", "seen: list[int] = []", "seen.append(1)", "seen.count(1)"),
    ("PD109", "PRICES = {}", "PRICES['a'] = 1", "prices = dict(PRICES)\nprices['a'] = 1"),
    ("PD109", "PRICES = {}", "PRICES.update(a=1)", "PRICES.get('a')"),
    ("PD109", "class Seen:\n    last = 0", "Seen.last = 1", "seen = Seen()\nseen.last = 1"),
    ("PD109", "import decimal", "decimal.DefaultContext.prec = 5", "order.order_id = 'a'"),
    (
        "PD110",
        "",
        "for tag in order.tags:\n    await charge(tag)",
        "for tag in sorted(order.tags):\n    await charge(tag)",
    ),
    ("PD110", "", "tags = {'a', 'b'}\n[t for t in tags]", "tags = {'a': 1}\n[t for t in tags]"),
    ("PD110", "", "list(set('ab'))", "len(set('ab'))"),
    ("PD110", "", "list(order.tags or [])", "list(order.order_id or [])"),
    ("PD110", "", "a = set('ab')\n','.join(a | {'c'})", "a = [1]\n','.join(a + ['c'])"),
    ("PD110", "", "await asyncio.gather(*set('ab'))", "await asyncio.gather(*'ab')"),
    ("PD110", "", "x, y = {'a', 'b'}", "x, y = {1, 2}"),
    ("PD110", "", "set('ab').pop()", "list('ab').pop()"),
    (
        "PD110",
        "",
        "a = set('ab')\n[t for t in a.union('c')]",
        "a = set('ab')\nsum(t for t in a.union('c'))",
    ),
    ("PD110", "", "a = set('ab')\n[t for t in a]", "a = set('ab')\n{t for t in a}"),
    (
        "PD110",
        "def spare(ids: set[str]): return [i for i in ids]",
        "spare(order.tags)",
        "x = 'a' in order.tags",
    ),
    ("PD110", "def f(ids: 'set[str]'): return list(ids)", "f('a')", "f = len\nf('a')"),
    ("PD110", "def f(ids: set[str] | None): return [*ids]", "f('a')", "f = len\nf('a')"),
    ("PD110", "def f(ids: set[str]): return list(ids)", "f('a')", "f = len\nf('a')"),
    (
        "PD110",
        "",
        "done, left = await asyncio.wait([])\nfor task in done:\n    await charge(task.result())",
        "done, left = await asyncio.wait([])\nfor task in left:\n    task.cancel()\ndone.pop()",
    ),
    ("PD111", "", "hash(order.order_id)", "import hashlib\nhashlib.sha256(b'')"),
    ("PD111", "", "id(order)", "id = len\nid('')"),
    ("PD112", "", "charge('a')", "await charge('a')"),
    ("PD112", "", "x = charge('a')", "x = charge('a')\nawait x"),
    (
        "PD112",
        "",
        "asyncio.create_task(charge('a'))",
        "t = asyncio.create_task(charge('a'))\nawait t",
    ),
    (
        "PD112",
        "",
        "asyncio.gather(charge('a'))",
        "async with asyncio.TaskGroup() as g:\n    g.create_task(charge('a'))",
    ),
    ("PD112", "", "asyncio.sleep(1)", "await asyncio.sleep(1)"),
    ("PD112", "async def wait(): await charge('a')", "wait()", "await wait()"),
    (
        "PD113",
        "",
        "try: await charge('a')\nexcept: x = 1",
        "try: await charge('a')\nexcept Exception: x = 1",
    ),
    (
        "PD113",
        "",
        "try: await charge('a')\nexcept BaseException as e: x = e",
        "try: await charge('a')\nexcept BaseException as e: raise e",
    ),
    (
        "PD113",
        "",
        "try: await charge('a')\nexcept (KeyError, BaseException): raise KeyError from None",
        "try: await charge('a')\nexcept (KeyError, BaseException): raise",
    ),
    (
        "PD113",
        "import contextlib",
        "with contextlib.suppress(BaseException): await charge('a')",
        "with contextlib.suppress(KeyError): await charge('a')",
    ),
    (
        "PD113",
        "",
        "try: await charge('a')\nfinally: return",
        "try: await charge('a')\nfinally: x = 1",
    ),
    ("PD114", "", "await refund('a')", "await charge('a')"),
    ("PD115", "", "await charge.function('a')", "x = charge.name"),
    (
        "PD116",
        "",
        "async with perdure.open_engine('memory://a', []) as engine: x = 1",
        "perdure.version('a', 1)",
    ),
    (
        "PD116",
        "@workflow(key=str)\nasync def other(a: str) -> None: ...",
        "await other('a')",
        "x = other.name",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "before", "bad", "good"), SAMPLES, ids=[f"{code}-{bad}" for code, _, bad, _ in SAMPLES]
)
def test_a_rule_finds_what_breaks_it_and_nothing_else(
    code: str, before: str, bad: str, good: str, tmp_path: Path
) -> None:
    assert codes(tmp_path, in_body(bad, before)) == [code]
    assert codes(tmp_path, in_body(good, before)) == []


def test_what_stands_outside_of_bodies_is_free(tmp_path: Path) -> None:
    sample = "import time, random\nrandom.seed(1)\ndef stamp(): return time.time()"
    assert codes(tmp_path, in_body("await charge('a')", sample)) == []
    assert codes(tmp_path, in_body("stamp()", sample)) == ["PD101"]


def test_an_activity_may_do_all_of_it(tmp_path: Path) -> None:
    sample = """
import time, random, uuid, os
seen = []
@activity
def look(order_id: str) -> float:
    seen.append(open(os.environ["A"]).read())
    print(uuid.uuid4(), random.random(), list({order_id}))
    return time.time()
"""
    assert codes(tmp_path, sample + in_body("await look('a')")) == []


def test_a_model_that_fills_itself_is_found_where_it_is_made(tmp_path: Path) -> None:
    model = """
import uuid
from datetime import datetime
from pydantic import Field
class Line(BaseModel):
    line_id: uuid.UUID = Field(default_factory=uuid.uuid4)
class Paid(Line):
    tags: list[str] = Field(default_factory=list)
    at: datetime = Field(default_factory=lambda: datetime.now())
"""
    assert codes(tmp_path, in_body("Paid()", model)) == ["PD101", "PD103"]
    assert codes(tmp_path, in_body("Paid(at=perdure.now())", model)) == ["PD103"]
    assert codes(tmp_path, in_body("Line(line_id=perdure.uuid4())", model)) == []
