"""Names, keys, execution ids, shards and idempotency keys: who is who, as pure functions.

An execution id is `Name@key`, a later run of it `Name@key~2`. Ids are text that people read and
type; nothing here draws randomness. Which runner owns a shard is the cluster's matter.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from perdure.domain.errors import BadIdentity

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
RUN = re.compile(r"~([1-9][0-9]*)\Z")
KEY_LENGTH_LIMIT = 255
RUN_LENGTH_LIMIT = 20
TAGS_LIMIT = 20
DEFAULT_SHARDS = 256


def check_name(kind: str, name: str) -> str:
    """The name itself, if a workflow or activity may bear it."""
    if not NAME.match(name):
        raise BadIdentity(
            f"{kind} name {name!r}: use 1 to 64 letters, digits, underscores, dots or hyphens"
        )
    return name


def check_key(key: object, subject: str = "key") -> str:
    """A key as text: str, int or UUID, 1 to 255 printable characters, normalized (NFC).

    `subject` is what a refusal calls it.
    """
    match key:
        case bool():
            raise BadIdentity(f"{subject} {key!r}: a key is a str, an int or a UUID, not a bool")
        case int() if key.bit_length() <= 4 * KEY_LENGTH_LIMIT:
            text = int.__repr__(key)  # by its value: subclasses, as enums are, have other texts
        case int():
            text = ""
        case UUID():
            text = UUID.__str__(key)
        case str():
            text = str.__str__(key)
            if not text.isascii():
                text = unicodedata.normalize("NFC", text)
        case _:
            raise BadIdentity(f"{subject} {key!r}: a key is a str, an int or a UUID")
    if not 1 <= len(text) <= KEY_LENGTH_LIMIT or not text.isprintable():
        shown = f" {text!r}" if len(text) <= KEY_LENGTH_LIMIT else ""
        raise BadIdentity(f"{subject}{shown}: use 1 to {KEY_LENGTH_LIMIT} printable characters")
    if "~" in text and RUN.search(text):
        raise BadIdentity(f"{subject} {text!r}: an end like '~2' is how later runs are told apart")
    return text


def check_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Tags as they are stored: at most 20, names as those of workflows, values as keys are."""
    if tags is None:
        return {}
    if not isinstance(tags, Mapping) or len(tags) > TAGS_LIMIT:
        raise BadIdentity(f"tags={tags!r}: give a mapping of at most {TAGS_LIMIT} names to texts")
    checked: dict[str, str] = {}
    for name, value in tags.items():
        if not isinstance(name, str) or not NAME.match(name):
            raise BadIdentity(
                f"tag {name!r}: name it by 1 to 64 letters, digits, underscores, dots or hyphens"
            )
        if not isinstance(value, str) or not value.isprintable() or not value:
            raise BadIdentity(f"tag {name}={value!r}: its value is a str of printable characters")
        if len(value) > KEY_LENGTH_LIMIT:
            raise BadIdentity(f"tag {name}: its value is longer than {KEY_LENGTH_LIMIT} characters")
        checked[name] = str(value)
    return checked


def execution_id(name: str, key: object, run: int = 1) -> str:
    """`Name@key`, or `Name@key~run` from the second run on."""
    first = f"{name}@{check_key(key)}"
    return first if run == 1 else f"{first}~{run}"


@dataclass(frozen=True, slots=True)
class Identity:
    """An execution id taken apart. `Identity.of("Pay@7~2")` has name Pay, key 7, run 2."""

    name: str
    key: str
    run: int

    @staticmethod
    def of(execution_id: str) -> "Identity":
        """Raises BadIdentity. The key is normalized, as that of a start is."""
        name, at, rest = execution_id.partition("@")
        too_long = len(rest) > KEY_LENGTH_LIMIT + RUN_LENGTH_LIMIT
        if not at or not rest or too_long or not NAME.match(name):
            shown = f"{execution_id[:80]}…" if too_long else execution_id
            raise BadIdentity(f"{shown!r} is no execution id; one reads like Name@key")
        run = RUN.search(rest)
        if run is None:
            return Identity(name, check_key(rest, f"{name}: the key"), 1)
        return Identity(name, check_key(rest[: run.start()], f"{name}: the key"), int(run[1]))

    def at(self, run: int) -> "Identity":
        """Another run of the same key."""
        return replace(self, run=run)

    def __str__(self) -> str:
        """The execution id."""
        return f"{self.name}@{self.key}" if self.run == 1 else f"{self.name}@{self.key}~{self.run}"


def normal(execution_id: str) -> str:
    """The id as recorded ones are written, with the run if it names one: `Pay@7~1` names the first.

    Without a run it stands for the last one of its key. Raises BadIdentity.
    """
    identity = Identity.of(execution_id)
    return f"{identity}~1" if identity.run == 1 and names_run(execution_id) else str(identity)


def first_run(execution_id: str) -> str:
    """The id of the first run of the same key: what all its runs are meant by together."""
    return str(Identity.of(execution_id).at(1))


def names_run(execution_id: str) -> bool:
    """Whether the id says which run is meant."""
    return "~" in execution_id and RUN.search(execution_id) is not None


def without_run(execution_id: str) -> str:
    """The id of the first run, of any text that may be an id: nothing is checked or normalized."""
    at = execution_id.rfind("~")
    return execution_id[:at] if at > 0 and RUN.search(execution_id, at) else execution_id


def shard_of(execution_id: str, shards: int = DEFAULT_SHARDS) -> int:
    """The shard of an execution: all runs of one key lie in the same one.

    blake2b with 64 bits over `Name@key` without the run, modulo the number of shards. Raises
    BadIdentity for what is no Unicode; otherwise any text has a shard.
    """
    try:
        encoded = without_run(execution_id).encode()
    except UnicodeEncodeError as error:
        raise BadIdentity(f"{execution_id!r} is no execution id: {error.reason}") from error
    digest = hashlib.blake2b(encoded, digest_size=8).digest()
    return int.from_bytes(digest) % shards


def idempotency_key(execution_id: str, kind: str, ordinal: int, name: str) -> str:
    """What every attempt of one activity shares, and no other activity has: 32 hex digits.

    `kind` is "activity" or "compensation". The stream id includes the run, so that a second run
    has other keys.
    """
    text = f"{execution_id}\x00{kind}\x00{ordinal}\x00{name}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
