"""Sealing: what is stored, encrypted and bound to its place; and back.

AES-256-GCM, with a nonce of 12 random bytes before the ciphertext. What a body is bound to (its
stream, version and topic, and the id of its key) is checked by the cipher, so that no row can take
another one's place. Without a ring nothing is sealed, and what is sealed cannot be read.
"""

import base64
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from perdure.infrastructure.errors import BadKeys
from perdure.infrastructure.keys import IDS, KEY_BYTES, KEY_ID, KeyRing
from perdure.infrastructure.randomness import unforeseen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
NONCES_AT_ONCE = 64
# In columns of text: no JSON begins like this.
SEALED = re.compile(rb"sealed:([A-Za-z0-9_.-]{1,32}):([A-Za-z0-9+/]{38,}={0,2})\Z")

Row = tuple[str, bytes]  # topic, body


class NoSuchKey(ValueError):
    """It is encrypted by a key that is not given here; with that it can be read."""


class Seal:
    """The current key, for one flush: all of it is sealed by the same, whatever the ring does.

    For one thread. Nonces are drawn in portions, since the way to the system costs more than they.
    """

    __slots__ = ("_encrypt", "_nonces", "key_id")

    def __init__(self, key_id: str, cipher: "AESGCM") -> None:
        self.key_id = key_id
        self._encrypt = cipher.encrypt
        self._nonces: list[bytes] = []  # each is taken out once

    def rows(self, execution_id: str, version: int, rows: Iterable[Row]) -> list[Row]:
        """Topics and bodies of a stream, behind this version."""
        encrypt, nonces, end = self._encrypt, self._nonces, f"\0{execution_id}\0{self.key_id}"
        sealed = []
        for topic, body in rows:
            version += 1
            nonce = nonces.pop() if nonces else self._nonce()
            data = encrypt(nonce, body, f"event\0{version}\0{topic}{end}".encode())
            sealed.append((topic, nonce + data))
        return sealed

    def text(self, text: bytes, place: str) -> bytes:
        """For a column of text."""
        nonce = self._nonce()
        data = nonce + self._encrypt(nonce, text, f"{place}\0{self.key_id}".encode())
        return f"sealed:{self.key_id}:".encode() + base64.b64encode(data)

    def _nonce(self) -> bytes:
        if not self._nonces:
            drawn = unforeseen(NONCE_BYTES * NONCES_AT_ONCE)
            places = range(0, len(drawn), NONCE_BYTES)
            self._nonces += [drawn[first : first + NONCE_BYTES] for first in places]
        return self._nonces.pop()


class Unsealing:
    """The keys of one read, each asked for once."""

    __slots__ = ("_ciphers", "_sealer")

    def __init__(self, sealer: "Sealer") -> None:
        self._sealer = sealer
        self._ciphers: dict[str, AESGCM] = {}

    def row(self, key_id: str, execution_id: str, version: int, row: Row) -> bytes:
        """The body. Raises NoSuchKey, and ValueError for one that does not fit."""
        topic, data = row
        bound = f"event\0{version}\0{topic}\0{execution_id}\0{key_id}"  # as Seal has it
        return self._opened(key_id, data, bound.encode())

    def text(self, text: bytes, place: str) -> bytes:
        """Of a column of text, sealed or not. Raises as `row` does."""
        found = SEALED.match(text)
        if found is None:
            return text
        key_id = found[1].decode()
        return self._opened(key_id, base64.b64decode(found[2]), f"{place}\0{key_id}".encode())

    def _opened(self, key_id: str, data: bytes, bound: bytes) -> bytes:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            cipher = self._ciphers[key_id] = self._sealer.cipher(key_id)
        try:
            return cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound)
        except Exception as error:  # InvalidTag, which is no ValueError
            raise ValueError(
                f"the key {key_id!r} does not open it: either another key has that id here, or "
                "what is stored was changed, or moved from another place"
            ) from error


class Sealer:
    """For all threads of a journal. BadKeys when its ring cannot be used."""

    __slots__ = ("_ciphers", "_ring")

    def __init__(self, ring: KeyRing | None = None) -> None:
        self._ring = ring
        self._ciphers: dict[bytes, AESGCM] = {}
        self.seal()  # it is usable, or nothing is opened

    @property
    def seals(self) -> bool:
        """Whether anything is encrypted."""
        return self._ring is not None

    def seal(self) -> Seal | None:
        """The current key; None when nothing is encrypted. Raises BadKeys."""
        if self._ring is None:
            return None
        key_id, key = self._ring.current()
        if not KEY_ID.match(key_id):
            raise BadKeys(f"the id of the ring's current key cannot be one; {IDS}")
        return Seal(key_id, self._cipher(key_id, key))

    def cipher(self, key_id: str) -> "AESGCM":
        """That of a key by its id. Raises NoSuchKey, BadKeys."""
        if self._ring is None:
            raise NoSuchKey(
                f"it is encrypted by the key {key_id!r}, and no keys are given here; set "
                "PERDURE_KEYS or PERDURE_KEY_FILE"
            )
        key = self._ring.key(key_id)
        if key is None:
            raise NoSuchKey(
                f"it is encrypted by the key {key_id!r}, which the ring that is given here does "
                "not have; put it back into the ring"
            )
        return self._cipher(key_id, key)

    def _cipher(self, key_id: str, key: bytes) -> "AESGCM":
        found = self._ciphers.get(key)
        if found is None:
            if len(key) != KEY_BYTES:
                raise BadKeys(
                    f"the ring's key {key_id!r} has {len(key)} bytes, it has to have {KEY_BYTES}"
                )
            found = self._ciphers[key] = cipher_of(key)
        return found


def cipher_of(key: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadKeys(
            "keys are given, and the package cryptography is not installed; in your clone: "
            "pip install '.[encryption]'"
        ) from error
    return AESGCM(key)


PLAIN = Sealer()
