"""Lints text: a file with a workflow around the sample, or several files of one folder."""

import textwrap
from pathlib import Path

from perdure.infrastructure.lint.examination import examine
from perdure.infrastructure.lint.findings import Finding

SHOP = """
import asyncio
import perdure
from pydantic import BaseModel
from perdure import Failure, Retry, activity, current_activity, workflow

class OutOfStock(Failure):
    sku: str

class Order(BaseModel):
    order_id: str
    tags: set[str] = set()

@activity
async def charge(order_id: str) -> str: ...

@charge.compensate
async def refund(order_id: str) -> None: ...

@activity(raises=[OutOfStock])
async def ship(order_id: str) -> None: ...
"""


def found(folder: Path, **files: str) -> list[Finding]:
    """The findings in these modules; all are linted, in their order."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    outcome = examine([folder / f"{name}.py" for name in files], (), folder)
    assert not outcome.unreadable
    return outcome.findings


def codes(folder: Path, text: str) -> list[str]:
    """The codes found in one file that begins with the shop."""
    return [each.code for each in found(folder, saga=SHOP + textwrap.dedent(text))]


def in_body(sample: str, before: str = "") -> str:
    """A workflow with the sample as its body, and `before` in front of it."""
    body = textwrap.indent(textwrap.dedent(sample), "    ")
    return f"{before}\n@workflow(key='order_id')\nasync def buy(order: Order) -> None:\n{body}\n"
