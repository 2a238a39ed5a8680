"""Rings of keys: what they are read from, what is refused and how, and that no key is ever told."""

import json
import logging
import traceback
from datetime import date
from pathlib import Path

import pytest

import perdure
from perdure import BadKeys, KeyFile, Keys
from perdure.infrastructure.keys import keys_from_environment, new_key
from perdure.infrastructure.sealing import Sealer
from tests.encryption.rings import NEW, NEW_TEXT, OLD, OLD_TEXT, file_of

IDS = "an id has 1 to 32 letters, digits, _ . or -"
MAKES = "`perdure keys new` makes one"
FORM = '{"current": "2026-11", "keys": {"2026-11": "<32 bytes as base64>"}}'
NO_RING = f"there is no ring of keys in it; it has to be like {FORM}"


def test_the_first_key_of_a_ring_is_current() -> None:
    # behaviour 64
    ring = Keys({"new": NEW, "old": OLD})
    assert ring.current() == ("new", NEW)
    assert (ring.key("old"), ring.key("lost")) == (OLD, None)
    assert repr(ring) == "Keys('new', 'old')"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, f"the ring: it has no key; {MAKES}"),
        ({"old": OLD, "": NEW}, f"the ring: the id of key 2 cannot be one; {IDS}"),
        ({"old:1": OLD}, f"the ring: the id of key 1 cannot be one; {IDS}"),
        ({"old": OLD[:16]}, f"the ring: key 'old' has 16 bytes, it has to have 32; {MAKES}"),
    ],
)
def test_a_ring_of_keys_that_cannot_be_used_is_refused(keys: dict[str, bytes], told: str) -> None:
    with pytest.raises(BadKeys) as refused:
        Keys(keys)
    assert str(refused.value) == told


def test_without_either_variable_there_is_no_ring() -> None:
    assert keys_from_environment() is None


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # behaviour 64
    monkeypatch.setenv("PERDURE_KEYS", f"new:{NEW_TEXT}, old:{OLD_TEXT}")
    ring = keys_from_environment()
    assert ring is not None
    assert (ring.current(), ring.key("old")) == (("new", NEW), OLD)


def test_keys_come_from_a_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # behaviour 64
    path = file_of(tmp_path / "keys.json", "new", old=OLD, new=NEW)
    monkeypatch.setenv("PERDURE_KEY_FILE", str(path))
    ring = keys_from_environment()
    assert ring is not None
    assert (ring.current(), ring.key("old")) == (("new", NEW), OLD)
    assert repr(ring) == f"KeyFile({str(path)!r})"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "PERDURE_KEYS is set, and empty: unset it, or give keys as ID:KEY,ID:KEY"),
        (OLD_TEXT, "PERDURE_KEYS: part 1 has no colon; write ID:KEY,ID:KEY"),
        (f"a:{OLD_TEXT},", "PERDURE_KEYS: part 2 has no colon; write ID:KEY,ID:KEY"),
        (f"{OLD_TEXT}:a", f"PERDURE_KEYS: the id of key 1 cannot be one; {IDS}"),
        (f"{OLD.hex()}:a", f"PERDURE_KEYS: the id of key 1 cannot be one; {IDS}"),
        (f"a b:{OLD_TEXT}", f"PERDURE_KEYS: the id of key 1 cannot be one; {IDS}"),
        (f":{OLD_TEXT}", f"PERDURE_KEYS: the id of key 1 cannot be one; {IDS}"),
        (f"a:{OLD_TEXT[:-2]}", f"PERDURE_KEYS: key 'a' is no base64; {MAKES}"),
        (f"a:{OLD_TEXT[:9]}é", f"PERDURE_KEYS: key 'a' is no base64; {MAKES}"),
        ("a:", f"PERDURE_KEYS: key 'a' has 0 bytes, it has to have 32; {MAKES}"),
        (
            f"a:{OLD_TEXT},a:{NEW_TEXT}",
            "PERDURE_KEYS: two keys have the id 'a'; give each its own",
        ),
    ],
)
def test_bad_keys_in_the_environment_are_refused_by_their_places(
    monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setenv("PERDURE_KEYS", text)
    with pytest.raises(BadKeys) as refused:
        keys_from_environment()
    assert str(refused.value) == told
    check_untold("".join(traceback.format_exception(refused.value)))
    assert refused.value.__context__ is None  # nothing that holds what was read


def test_two_rings_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEYS", f"a:{OLD_TEXT}")
    monkeypatch.setenv("PERDURE_KEY_FILE", "keys.json")
    with pytest.raises(BadKeys) as refused:
        keys_from_environment()
    assert str(refused.value) == "PERDURE_KEYS and PERDURE_KEY_FILE are both set: unset one of them"


def test_an_empty_name_of_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEY_FILE", "")
    with pytest.raises(BadKeys) as refused:
        keys_from_environment()
    assert str(refused.value) == "PERDURE_KEY_FILE is set, and empty: unset it, or name a file"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", NO_RING),
        (f'{{"current": "a", "keys": {{"a": "{OLD_TEXT}"', NO_RING),
        ("[]", NO_RING),
        ("{}", NO_RING),
        ('{"current": "a", "keys": ["a"]}', NO_RING),
        (f'{{"keys": {{"a": "{OLD_TEXT}"}}}}', NO_RING),
        ("[" * 100_000, NO_RING),
        (f'{{"current": "ä", "keys": {{"ä": "{OLD_TEXT}"}}}}', NO_RING),
        (
            f'{{"current": "b", "keys": {{"a": "{OLD_TEXT}"}}}}',
            f"its current key is none of its keys; it has to be like {FORM}",
        ),
        (
            f'{{"current": "a", "keys": {{"{OLD_TEXT}": "a"}}}}',
            f"the id of key 1 cannot be one; {IDS}",
        ),
        (
            f'{{"current": "a", "keys": {{"a": "{OLD_TEXT}", "a": "{NEW_TEXT}"}}}}',
            "two keys have the id 'a'; give each its own",
        ),
        ('{"current": "a", "keys": {}}', f"it has no key; {MAKES}"),
        ('{"current": "a", "keys": {"a": 7}}', f"key 'a' is no base64; {MAKES}"),
    ],
)
def test_a_file_without_a_ring_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadKeys) as refused:
        KeyFile(path)
    assert str(refused.value) == f"{path}: {told}"
    check_untold("".join(traceback.format_exception(refused.value)))
    assert refused.value.__context__ is None


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(BadKeys) as refused:
        KeyFile(path)
    why = "No such file or directory"
    assert str(refused.value) == f"{path}: cannot be read ({why}); check the file and its rights"


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    # behaviour 64
    ring = KeyFile(file_of(tmp_path / "keys.json", "old", old=OLD))
    assert (ring.current(), ring.key("new")) == (("old", OLD), None)
    file_of(tmp_path / "keys.json", "new", old=OLD, new=NEW)
    assert (ring.key("new"), ring.current()) == (NEW, ("new", NEW))


@pytest.mark.parametrize("spoiled", ["half of it", None])
def test_a_file_that_is_spoiled_later_leaves_the_ring_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoiled: str | None
) -> None:
    # behaviour 64
    path = file_of(tmp_path / "keys.json", "old", old=OLD)
    ring = KeyFile(path)
    if spoiled is None:
        path.unlink()
    else:
        path.write_text(spoiled)
    with caplog.at_level(logging.ERROR, "perdure"):
        assert [ring.current(), ring.current()] == [("old", OLD)] * 2
    [line] = caplog.messages
    assert line.startswith(f"{path}: ")
    assert line.endswith("; the ring that was read before stays in use")
    file_of(path, "new", new=NEW)
    assert (ring.current(), ring.key("old")) == (("new", NEW), None)


def test_no_key_is_told_by_what_holds_it(tmp_path: Path) -> None:
    # behaviour 64
    path = file_of(tmp_path / "keys.json", "old", old=OLD)
    for ring in (Keys({"old": OLD}), KeyFile(path)):
        sealer = Sealer(ring)
        for held in (ring, sealer, sealer.seal()):
            check_untold(repr(held), str(held))


class Careless:
    """A ring of the user's own that hands out what is no key."""

    def __init__(self, key_id: str, key: bytes) -> None:
        self._current = key_id, key

    def current(self) -> tuple[str, bytes]:
        return self._current

    def key(self, key_id: str) -> bytes | None:
        return self._current[1]


@pytest.mark.parametrize(
    ("ring", "told"),
    [
        (Careless("a:b", OLD), f"the id of the ring's current key cannot be one; {IDS}"),
        (Careless("a", OLD[:24]), "the ring's key 'a' has 24 bytes, it has to have 32"),
    ],
)
async def test_a_careless_ring_is_refused_when_a_journal_is_opened(
    tmp_path: Path, ring: Careless, told: str
) -> None:
    with pytest.raises(BadKeys) as refused:
        async with perdure.connect(f"sqlite:///{tmp_path / 'payments.db'}", keys=ring):
            pass
    assert str(refused.value) == told
    assert not (tmp_path / "payments.db").exists()


def test_a_new_key_is_one_of_its_day_that_a_ring_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {new_key(date(2026, 11, 24)) for _ in range(3)}
    assert len({text.partition(":")[2] for text in made}) == 3
    monkeypatch.setenv("PERDURE_KEYS", ",".join(made))
    ring = keys_from_environment()
    assert ring is not None
    assert ring.current()[0].startswith("2026-11-24-")


def check_untold(*texts: str) -> None:
    """No text has a key in it, however it is written."""
    for text in texts:
        for key, written in ((OLD, OLD_TEXT), (NEW, NEW_TEXT)):
            for form in (written, key.hex(), repr(key), json.dumps([*key])):
                assert form[:24] not in text, text
