"""What Hypothesis remembers of failures, kept apart for each call of `check_workflow`.

Hypothesis knows a test by its source, and all of these are of the same source.
"""

from collections.abc import Iterable

from hypothesis.database import ExampleDatabase


class OwnShelf(ExampleDatabase):
    """A database's part that is of one name."""

    def __init__(self, whole: ExampleDatabase, name: str) -> None:
        super().__init__()
        self._whole = whole
        self._prefix = name.encode() + b"\x00"

    def save(self, key: bytes, value: bytes) -> None:
        self._whole.save(self._prefix + key, value)

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return self._whole.fetch(self._prefix + key)

    def delete(self, key: bytes, value: bytes) -> None:
        self._whole.delete(self._prefix + key, value)
