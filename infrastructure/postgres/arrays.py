"""Arrays as the server reads them: what a flush hands over, in the binary format.

psycopg dumps lists element by element in Python; here one `struct.pack` or one join makes a whole
array. Each kind is bytes, and a dumper that gives them with the type's oid.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import ClassVar

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

HEADER = struct.Struct("!iiIii")  # dimensions, whether there are nulls, type, length, lower bound
LENGTH = struct.Struct("!i")
NULL = LENGTH.pack(-1)


class Array(bytes):
    """A whole array, encoded."""

    oid: ClassVar[int]


class Int4Array(Array):
    oid = 1007


class Int8Array(Array):
    oid = 1016


class TextArray(Array):
    oid = 1009


class ByteaArray(Array):
    oid = 1001


class ArrayDumper(Dumper):
    """Hands it over as it is."""

    format = Format.BINARY

    def dump(self, obj: Array) -> Buffer:
        return bytes(obj)


def register(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Lets this connection take them."""
    for kind in (Int4Array, Int8Array, TextArray, ByteaArray):
        dumper = type(f"{kind.__name__}Dumper", (ArrayDumper,), {"oid": kind.oid})
        connection.adapters.register_dumper(kind, dumper)


def int4s(values: Sequence[int]) -> Int4Array:
    count = len(values)
    flat: list[int] = [4] * (2 * count)
    flat[1::2] = values
    return Int4Array(header(count, 23) + struct.pack(f"!{2 * count}i", *flat))


def int8s(values: Sequence[int]) -> Int8Array:
    count = len(values)
    flat: list[int] = [8] * (2 * count)
    flat[1::2] = values
    return Int8Array(header(count, 20) + struct.pack("!" + "iq" * count, *flat))


def optional_int8s(values: Sequence[int | None]) -> Int8Array:
    """None is NULL."""
    parts = [NULL if each is None else struct.pack("!iq", 8, each) for each in values]
    return Int8Array(header(len(parts), 20, nulls=True) + b"".join(parts))


def texts(values: Iterable[str]) -> TextArray:
    return TextArray(joined([value.encode() for value in values], 25))


def optional_texts(values: Iterable[str | None]) -> TextArray:
    """None is NULL."""
    parts: list[bytes] = []
    for value in values:
        data = None if value is None else value.encode()
        parts.append(NULL if data is None else LENGTH.pack(len(data)) + data)
    return TextArray(header(len(parts), 25, nulls=True) + b"".join(parts))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    return ByteaArray(joined(values, 17))


def joined(values: Sequence[bytes], oid: int) -> bytes:
    parts = [b""] * (2 * len(values) + 1)
    parts[0] = header(len(values), oid)
    parts[1::2] = map(LENGTH.pack, map(len, values))
    parts[2::2] = values
    return b"".join(parts)


def header(count: int, oid: int, *, nulls: bool = False) -> bytes:
    if count == 0:
        return struct.pack("!iiI", 0, 0, oid)
    return HEADER.pack(1, nulls, oid, count, 1)
