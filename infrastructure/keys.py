"""Keys to encrypt what a journal stores: a ring of them, each with an id, one of them current.

New rows are encrypted by the current one; older rows name theirs. Rings come from the environment
or a file; another source, as a key management service, is whatever implements KeyRing. No error of
these tells a key, nor what may be one by mistake.
"""

import base64
import binascii
import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Protocol

from perdure.infrastructure.errors import BadKeys
from perdure.infrastructure.randomness import unforeseen

KEY_BYTES = 32  # AES-256
KEYS, KEY_FILE = "PERDURE_KEYS", "PERDURE_KEY_FILE"
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}\Z")  # shorter than any key that takes an id's place
IDS = "an id has 1 to 32 letters, digits, _ . or -"
FORM = '{"current": "2026-11", "keys": {"2026-11": "<32 bytes as base64>"}}'

log = logging.getLogger("perdure")


class KeyRing(Protocol):
    """Where keys come from. Asked in threads, for each flush and each read: answer from memory.

    Keys has those that it is given, KeyFile those of a file. What cannot answer raises BadKeys:
    nothing is stored until it can.
    """

    def current(self) -> tuple[str, bytes]:
        """The id, and the 32 bytes, of the key that encrypts what is stored from now on."""
        ...

    def key(self, key_id: str) -> bytes | None:
        """The 32 bytes of a key; None for one that the ring does not have."""
        ...


class Keys:
    """A ring that stays as it is: keys of 32 bytes by their ids, the first of them current.

    BadKeys for an id or a key that cannot be one.

    >>> Keys({"2026-11": new_key, "2025-11": old_key})
    Keys('2026-11', '2025-11')
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        check(self._keys, "the ring")

    def current(self) -> tuple[str, bytes]:
        return next(iter(self._keys.items()))

    def key(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)

    def __repr__(self) -> str:
        return f"Keys({', '.join(map(repr, self._keys))})"


class KeyFile:
    """A ring in a file, read again whenever that was changed.

    `{"current": ID, "keys": {ID: KEY, ...}}`, each KEY 32 bytes as base64. Replace the file in one
    step, by a rename. BadKeys when there is no ring in it. While that is so later, the ring that
    was read last stays in use, and the log says why.

    >>> KeyFile("/run/secrets/perdure.json")
    KeyFile('/run/secrets/perdure.json')
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._stamp = stamp_of(self._path)
        self._ring = ring_in(self._path)

    def current(self) -> tuple[str, bytes]:
        return self._latest().current()

    def key(self, key_id: str) -> bytes | None:
        return self._latest().key(key_id)

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"

    def _latest(self) -> Keys:
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            try:
                self._ring = ring_in(self._path)
            except BadKeys as error:
                log.error("%s; the ring that was read before stays in use", error)
            self._stamp = stamp  # last, so that no other thread goes on with the ring before
        return self._ring


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Differs once the file is another one; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def ring_in(path: Path) -> Keys:
    """The ring in this file. Raises BadKeys."""
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror
        raise BadKeys(f"{path}: cannot be read ({why}); check the file and its rights") from error
    told: object = None
    with suppress(ValueError, RecursionError):  # whose error has the text in it, and so the keys
        told = json.loads(data, object_pairs_hook=list)
    outer = dict(told) if isinstance(told, list) and all(map(is_member, told)) else {}
    current, inner = outer.get("current"), outer.get("keys")
    if (
        not isinstance(current, str)
        or not isinstance(inner, list)
        or not all(map(is_member, inner))
    ):
        raise BadKeys(f"{path}: there is no ring of keys in it; it has to be like {FORM}")
    found = keys_of(inner, str(path))
    if current not in found:
        raise BadKeys(f"{path}: its current key is none of its keys; it has to be like {FORM}")
    return Keys({current: found[current], **found})


def is_member(item: object) -> bool:
    """Of a JSON object, whose members are kept as pairs: of two by one name a dict has the last."""
    return isinstance(item, tuple)


def keys_from_environment() -> KeyRing | None:
    """The ring of PERDURE_KEYS ("ID:KEY,ID:KEY", the first is current) or of PERDURE_KEY_FILE.

    None when neither is set. Raises BadKeys.
    """
    text, path = os.environ.get(KEYS), os.environ.get(KEY_FILE)
    if text is not None and path is not None:
        raise BadKeys(f"{KEYS} and {KEY_FILE} are both set: unset one of them")
    if path is not None:
        if not path:
            raise BadKeys(f"{KEY_FILE} is set, and empty: unset it, or name a file")
        return KeyFile(path)
    if text is None:
        return None
    if not text.strip():
        raise BadKeys(f"{KEYS} is set, and empty: unset it, or give keys as ID:KEY,ID:KEY")
    items = []
    for number, part in enumerate(text.split(","), 1):
        key_id, colon, key = part.strip().partition(":")
        if not colon:
            raise BadKeys(f"{KEYS}: part {number} has no colon; write ID:KEY,ID:KEY")
        items.append((key_id, key))
    return Keys(keys_of(items, KEYS))


def keys_of(items: Iterable[tuple[str, object]], subject: str) -> dict[str, bytes]:
    """Keys by their ids, as they are written. Raises BadKeys, and names keys by their places."""
    found: dict[str, bytes] = {}
    for number, (key_id, text) in enumerate(items, 1):
        if not KEY_ID.match(key_id):
            raise BadKeys(f"{subject}: the id of key {number} cannot be one; {IDS}")
        if key_id in found:
            raise BadKeys(f"{subject}: two keys have the id {key_id!r}; give each its own")
        key = None
        with suppress(binascii.Error, ValueError, TypeError):
            key = base64.b64decode(text, validate=True) if isinstance(text, str) else None
        if key is None:
            raise BadKeys(f"{subject}: key {key_id!r} is no base64; `perdure keys new` makes one")
        found[key_id] = key
    check(found, subject)
    return found


def check(keys: Mapping[str, bytes], subject: str) -> None:
    """Raises BadKeys for what can be no ring."""
    if not keys:
        raise BadKeys(f"{subject}: it has no key; `perdure keys new` makes one")
    for number, (key_id, key) in enumerate(keys.items(), 1):
        if not KEY_ID.match(key_id):
            raise BadKeys(f"{subject}: the id of key {number} cannot be one; {IDS}")
        if len(key) != KEY_BYTES:
            raise BadKeys(
                f"{subject}: key {key_id!r} has {len(key)} bytes, it has to have {KEY_BYTES}; "
                "`perdure keys new` makes one"
            )


def new_key(today: date) -> str:
    """A new key with an id by this date, as PERDURE_KEYS has it."""
    key = base64.b64encode(unforeseen(KEY_BYTES)).decode()
    return f"{today.isoformat()}-{unforeseen(2).hex()}:{key}"
