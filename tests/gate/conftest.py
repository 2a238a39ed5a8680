"""Histories of the shop, recorded once for all tests: nothing changes them."""

import asyncio

import pytest

from perdure.testing import History
from tests.gate.shop import LampOrder, record

ORDERS = (LampOrder(order_id="o-1"), LampOrder(order_id="o-2", article="moon"))


@pytest.fixture(scope="session")
def recorded() -> tuple[History, History]:
    """One that is suspended, and one that has failed."""
    suspended, failed = asyncio.run(record("memory://histories-of-the-gate", *ORDERS))
    return suspended, failed
