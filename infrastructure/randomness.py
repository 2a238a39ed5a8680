"""Bytes that nobody can foretell, for keys and nonces: always the system's, never a seeded port."""

import os


def unforeseen(count: int) -> bytes:
    """So many bytes. What is encrypted is safe only while none of them comes again."""
    return os.urandom(count)
