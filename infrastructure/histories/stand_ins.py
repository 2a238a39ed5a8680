"""Stand-ins for texts: of the same shape, equal for equal texts, and nobody can tell from what.

It goes word by word, so that a text that a body has put together from others still is that. Case is
kept apart, so that the stand-in of upper case is the upper case of the stand-in. Which texts of a
history are replaced is `scrubbing`'s matter.
"""

import hashlib
import re
from collections.abc import Callable, Iterable

PLAIN_DIGITS = 4  # a number of so many digits in a text stays: it tells of nobody
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
DECIMAL = r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?"
PART = re.compile(
    rf"(?<!\w)(?:(?P<uuid>{UUID})|(?P<date>{DATE})|(?P<decimal>{DECIMAL}))(?!\w)|(?P<word>[^\W_]+)"
)
DIGITS, LETTERS, HEX = "0123456789", "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef"
FIXED_IN_UUID = {14, 19}  # version and variant, of which readers make sure
TRIES = 50


class StandIns:
    """See the module. `salt` is to be forgotten afterwards; with `numbers` those go as well."""

    def __init__(self, salt: str, *, numbers: bool = False) -> None:
        self._salt = salt.encode()[:64]
        self._numbers = numbers
        self._of: dict[str, str] = {}
        self._used: set[str] = set()

    def text(self, text: str, foreign: Callable[[str], bool] = lambda _: True) -> str:
        """The stand-in of a text. Words that are not `foreign` stay."""

        def replaced(found: re.Match[str]) -> str:
            part = found[0]
            if not foreign(part):
                return part
            match found.lastgroup:
                case "uuid":
                    return self._uuid(part)
                case "date":
                    return f"{part[:4]}-01-01{part[10:]}" if self._numbers else part
                case "decimal":
                    return self._word(part) if self._numbers else part
                case _:
                    short = part.isdigit() and len(part) <= PLAIN_DIGITS
                    return part if short and not self._numbers else self._word(part)

        return PART.sub(replaced, text)

    def number(self, number: float) -> float:
        """Itself, or with `numbers` another one of as many digits."""
        if not self._numbers or isinstance(number, bool):
            return number
        return type(number)(self._word(repr(number)))

    def _uuid(self, text: str) -> str:
        drawn = self._drawn(text.lower(), len(text))
        made = [
            each if each == "-" or place in FIXED_IN_UUID else HEX[drawn[place] % 16]
            for place, each in enumerate(text)
        ]
        return "".join(made).upper() if text.isupper() else "".join(made)

    def _word(self, word: str) -> str:
        made = self._stand_in(word.casefold())
        if len(made) != len(word):  # as of ß, which is two in upper case
            return made
        return "".join(m.upper() if w.isupper() else m for m, w in zip(made, word, strict=True))

    def _stand_in(self, word: str) -> str:
        """The one that it has, or a new one that no other word has, as far as there are enough."""
        made = self._of.get(word)
        attempt = 0
        while made is None or (attempt < TRIES and word not in self._of):
            made = self._made(word, attempt)
            attempt += 1
            if made != word and made not in self._used:
                break
        self._used.add(made)
        return self._of.setdefault(word, made)

    def _made(self, word: str, attempt: int) -> str:
        """Letters for letters and digits for digits; a number keeps its length and its exponent."""
        drawn = self._drawn(f"{word}\x00{attempt}", len(word))
        is_number = not word.isalnum()
        made, leading = [], True
        for each, byte in zip(word, drawn, strict=False):
            if each.isdigit():
                made.append("0" if leading and each == "0" else DIGITS[byte % 9 + 1])
                leading = False
            elif each.isalpha() and not is_number:
                made.append(LETTERS[byte % 26])
            else:
                made.append(each)
        return "".join(made)

    def _drawn(self, text: str, many: int) -> bytes:
        blocks = (
            hashlib.blake2b(f"{text}\x00{block}".encode(), key=self._salt).digest()
            for block in range(many // 64 + 1)
        )
        return b"".join(blocks)


def words_in(texts: Iterable[str]) -> set[str]:
    """Every part of these that has a stand-in, in small letters."""
    return {found[0].casefold() for text in texts for found in PART.finditer(text)}
