"""A start, as it was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Start:
    """What an execution begins with: its encoded request, and as the body receives it.

    `at`: when it is to begin, in microseconds, if later. `previous`: the run before, if any.
    """

    execution_id: str
    payload: bytes
    request: Any
    at: int = 0
    tags: Mapping[str, str] | None = None
    previous: str = ""
