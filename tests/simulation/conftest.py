"""Nothing is logged while worlds are played, and one watchdog serves all of their engines."""

import gc
import logging
from collections.abc import Iterator

import pytest

from perdure.sagas.watchdog import watchdog


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("perdure")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    watchdog.open()
    yield
    watchdog.close()
    logger.setLevel(level)


@pytest.fixture(autouse=True, scope="module")
def _frozen() -> Iterator[None]:
    """Worlds are garbage by the thousand: what was there before them is not looked through."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
