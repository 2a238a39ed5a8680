"""Ids are made from keys and taken apart again: the same text, whoever types it."""

from enum import Enum, IntEnum
from uuid import UUID

import pytest

from perdure.domain.errors import BadIdentity
from perdure.domain.identity import Identity, execution_id, shard_of

NFC, NFD = "caf\u00e9", "cafe\u0301"


class Colour(str, Enum):  # noqa: UP042 (its text is not its value, which is the point)
    RED = "red"


class Number(int, Enum):
    ONE = 1


class Level(IntEnum):
    ONE = 1


class Shouted(str):
    def __str__(self) -> str:
        return self.upper() + "!"

    __format__ = None  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]


class Marked(UUID):
    def __str__(self) -> str:
        return "marked"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("7", "7"),
        (-7, "-7"),
        (Colour.RED, "red"),
        (Number.ONE, "1"),
        (Level.ONE, "1"),
        (Shouted("order"), "order"),
        (Shouted(NFD), NFC),
        (Marked(int=7), "00000000-0000-0000-0000-000000000007"),
        (NFD, NFC),
    ],
)
def test_an_id_is_made_of_the_value_of_its_key(key: object, text: str) -> None:
    assert execution_id("Pay", key) == f"Pay@{text}"
    assert type(execution_id("Pay", key, 2)) is str


@pytest.mark.parametrize("key", [True, 1.5, None, "", "a\nb", "\udcff", "x" * 256, "a~2", 10**255])
def test_what_cannot_be_a_key_is_refused(key: object) -> None:
    with pytest.raises(BadIdentity, match="key"):
        execution_id("Pay", key)


def test_a_number_too_large_to_be_written_is_refused() -> None:
    with pytest.raises(BadIdentity, match="1 to 255"):
        execution_id("Pay", 10**5_000)


@pytest.mark.parametrize(
    ("given", "identity"),
    [
        ("Pay@7", Identity("Pay", "7", 1)),
        ("Pay@7~2", Identity("Pay", "7", 2)),
        ("Pay@a@b~x", Identity("Pay", "a@b~x", 1)),
        (f"Pay@{NFC}~12", Identity("Pay", NFC, 12)),
    ],
)
def test_an_id_comes_apart_and_together_again(given: str, identity: Identity) -> None:
    assert Identity.of(given) == identity
    assert str(identity) == given
    assert execution_id(identity.name, identity.key, identity.run) == given


def test_an_id_is_found_however_its_letters_were_composed() -> None:
    assert Identity.of(f"Pay@{NFD}") == Identity.of(f"Pay@{NFC}")
    assert str(Identity.of(f"Pay@{NFD}~2")) == f"Pay@{NFC}~2"


@pytest.mark.parametrize(
    "given",
    [
        *("", "Pay", "Pay@", "@7", "a pay@7", "Pay@~2", "Pay@a~2~3", "Pay@a\nb"),
        *("Pay@x\udcff", "Pay@" + "x" * 256, "Pay@a~" + "1" * 5_000, "Pay@" + "x" * 9_999),
    ],
)
def test_what_cannot_be_an_id_is_refused_in_few_words(given: str) -> None:
    with pytest.raises(BadIdentity) as raised:
        Identity.of(given)
    assert len(str(raised.value)) < 400


def test_what_is_no_unicode_has_no_shard() -> None:
    with pytest.raises(BadIdentity, match="no execution id"):
        shard_of("Pay@\udcff")


def test_all_runs_of_a_key_lie_in_one_shard() -> None:
    assert {shard_of(f"Pay@7{run}") for run in ("", "~2", "~123456")} == {shard_of("Pay@7")}
