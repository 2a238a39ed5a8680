"""The recorded histories of tests/gate."""

from tests.gate.conftest import recorded

__all__ = ["recorded"]
