"""Each rule of declarations fails on a bad sample, and lets its good neighbours pass."""

from pathlib import Path

import pytest

from tests.lint.linted import codes, in_body

LETTER = """
import httpx
from pathlib import Path
@activity
async def write(order_id: str) -> None:
    key = current_activity().idempotency_key
    {effect}
"""

EFFECTS = [
    "httpx.post('x', key=key)",
    "httpx.request('PUT', 'x')",
    "async with httpx.AsyncClient() as c: await c.delete('x')",
    "Path('x').write_text(key)",
    "open('x', 'a').write(key)",
    "with Path('x').open(mode='w') as file: file.write(key)",
    "import os; os.remove('x')",
    "import sqlite3; sqlite3.connect('x').execute('insert into orders values (1)')",
    "import sqlite3; sqlite3.connect('x').execute(f'DELETE FROM {key}')",
    "import sqlalchemy as s; s.create_engine('x').connect().execute(s.text('UPDATE a SET b = 1'))",
    "import sqlalchemy as s; s.create_engine('x').begin().execute(s.insert(s.table('a')).values())",
    "from sqlalchemy import orm; s = orm.sessionmaker()()\n    s.add(key)",
    "import smtplib; smtplib.SMTP('x').send_message(key)",
    "import stripe; stripe.Charge.create(idempotency_key=key)",
]
NO_EFFECTS = [
    "httpx.get('x')",
    "httpx.request('GET', 'x')",
    "Path('x').read_text()",
    "open('x').read()",
    "import sqlite3; sqlite3.connect('x').execute('select 1')",
    "orders = {}; orders.update(a=key)",
    "import stripe; stripe.Charge.retrieve(key)",
    "import pydantic; pydantic.create_model('A')",
]


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_before_another_step_needs_an_undo(effect: str, tmp_path: Path) -> None:
    letter = LETTER.format(effect=effect)
    first = in_body("await write('a')\nawait ship('a')", letter)
    assert codes(tmp_path, first) == ["PD201"]
    undone = "\n@write.compensate\nasync def unwrite(order_id: str) -> None: ..."
    assert codes(tmp_path, in_body("await write('a')\nawait ship('a')", letter + undone)) == []


@pytest.mark.parametrize("nothing", NO_EFFECTS)
def test_reads_and_calculations_need_no_undo(nothing: str, tmp_path: Path) -> None:
    order = "await write('a')\nawait ship('a')"
    assert codes(tmp_path, in_body(order, LETTER.format(effect=nothing))) == []
    assert codes(tmp_path, in_body(order, LETTER.format(effect=EFFECTS[0]))) == ["PD201"]


# Whether something can fail after the letter.
COURSES = [
    ("await ship('a')\nawait write('a')", False),
    ("await write('a')\nreturn None", False),
    ("await write('a')\nraise OutOfStock(sku='a')", True),
    ("await write('a')\nif order.tags: raise OutOfStock(sku='a')", True),
    ("if order.tags: await write('a')\nelse: await ship('a')", False),
    ("if order.tags:\n    await write('a')\n    return\nawait ship('a')", False),
    ("for tag in [1, 2]: await write('a')", True),
    ("while order.tags: await write('a')", True),
    ("await asyncio.gather(write('a'), ship('a'))", True),
    ("await asyncio.gather(*(write(t) for t in 'ab'))", True),
    ("await asyncio.gather(ship('a'))\nawait write('a')", False),
    ("try: await write('a')\nfinally: await ship('a')", True),
    ("try: await ship('a')\nexcept OutOfStock: await write('a')", False),
    ("try: await ship('a')\nexcept OutOfStock:\n    await write('a')\n    raise", True),
    ("async with asyncio.timeout(1): await write('a')\nawait ship('a')", True),
    ("match order.order_id:\n    case 'a': await write('a')\n    case _: await ship('a')", False),
    ("await tell('a')\nawait ship('a')", True),
    ("await ship('a')\nawait tell('a')", False),
    ("await turn('a')\nawait write('a')\nawait charge('a')", False),
    ("await write('a')\nawait turn('a')", True),
]


@pytest.mark.parametrize(("body", "fails"), COURSES, ids=[body for body, _ in COURSES])
def test_what_can_follow_an_effect_is_told_from_the_body(
    body: str, fails: bool, tmp_path: Path
) -> None:
    around = f"""{LETTER.format(effect=EFFECTS[0])}
async def tell(order_id: str) -> None:
    if order_id: return await write(order_id)
@activity(pivot=True)
async def turn(order_id: str) -> None: ...
"""
    assert codes(tmp_path, in_body(body, around)) == (["PD201"] if fails else [])


PIVOT = """
FAILURES = [OutOfStock]
@activity(pivot=True, raises=FAILURES)
async def sign(order_id: str) -> None: ...
async def deliver(order_id: str) -> None: await ship(order_id)
class Missing(Failure): ...
class Lost(Missing): ...
@activity(raises=[Lost])
async def lose(order_id: str) -> None: ...
"""


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("await sign('a')\nawait ship('a')", "await ship('a')\nawait sign('a')"),
        ("await sign('a')\nawait deliver('a')", "await sign('a')\nawait charge('a')"),
        (
            "if order.tags: await sign('a')\nawait ship('a')",
            "if order.tags: await sign('a')\nelse: await ship('a')",
        ),
        (
            "await sign('a')\ntry: await ship('a')\nexcept KeyError: x = 1",
            "await sign('a')\ntry: await ship('a')\nexcept OutOfStock: x = 1",
        ),
        (
            "await sign('a')\ntry: await lose('a')\nexcept OutOfStock: x = 1",
            "await sign('a')\ntry: await lose('a')\nexcept Missing: x = 1",
        ),
        (
            "await sign('a')\ntry: await ship('a')\nfinally: x = 1",
            "await sign('a')\ntry: await ship('a')\nexcept (KeyError, Failure): x = 1",
        ),
    ],
)
def test_a_failure_after_the_pivot_has_to_be_caught(bad: str, good: str, tmp_path: Path) -> None:
    assert codes(tmp_path, in_body(bad, PIVOT)) == ["PD202"]
    assert codes(tmp_path, in_body(good, PIVOT)) == []


UNDO = """
import httpx
@activity
async def book(order_id: str) -> str: ...
@book.compensate{options}
async def unbook({parameters}) -> None:
    {does}
def key() -> str: return current_activity().undoes.idempotency_key
gateway = connected()
"""
# Code, the options of a compensation, its parameters and what it does; each good ones too.
UNDOS = [
    (
        "PD203",
        ("(raises=[OutOfStock])", "order_id: str", "httpx.delete(order_id)"),
        ("(raises=[], retry=Retry.never())", "order_id: str", "httpx.delete(order_id)"),
    ),
    ("PD204", ("", "", "httpx.delete('x')"), ("", "", "httpx.delete(key())")),
    (
        "PD204",
        ("", "result: str | None", "httpx.delete('x')"),
        ("", "result: str | None", "httpx.delete(result)"),
    ),
    ("PD204", ("", "", "httpx.delete('x')"), ("", "", "gateway.cancel_last()")),
    ("PD204", ("", "", "httpx.delete('x')"), ("", "", "...")),
]


@pytest.mark.parametrize(("code", "bad", "good"), UNDOS)
def test_a_compensation_can_be_carried_out(
    code: str, bad: tuple[str, str, str], good: tuple[str, str, str], tmp_path: Path
) -> None:
    def declared(sample: tuple[str, str, str]) -> list[str]:
        options, parameters, does = sample
        return codes(tmp_path, UNDO.format(options=options, parameters=parameters, does=does))

    assert declared(bad) == [code]
    assert declared(good) == []


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("httpx.post('x')", "httpx.post('x', headers={'Idempotency-Key': order_id})"),
        ("httpx.post('x')", "httpx.post('x', json=key())"),
        ("httpx.post('x')", "httpx.put(f'x/{order_id}')"),
        ("stripe.Charge.create(amount=1)", "stripe.Charge.create(idempotency_key=order_id)"),
        ("stripe.Charge.create(amount=1)", "gateway.charge(order_id)"),
    ],
)
def test_an_effect_over_the_network_needs_a_key(bad: str, good: str, tmp_path: Path) -> None:
    around = """
import httpx, stripe
def key() -> str: return current_activity().idempotency_key
gateway = connected()
@activity
async def pay(order_id: str) -> None:
    {does}
"""
    assert codes(tmp_path, around.format(does=bad)) == ["PD205"]
    assert codes(tmp_path, around.format(does=good)) == []


def test_helpers_that_are_called_often_cost_little(tmp_path: Path) -> None:
    # Walked anew for each call, these would take for ever.
    helpers = "".join(
        f"async def f{n}():\n    while True:\n        for _ in []:\n"
        f"            await f{n + 1}()\n            await f{n + 1}()\n"
        for n in range(9)
    )
    around = f"{LETTER.format(effect=EFFECTS[0])}{helpers}async def f9(): await write('a')\n"
    assert codes(tmp_path, in_body("await f0()", around)) == ["PD201"]
