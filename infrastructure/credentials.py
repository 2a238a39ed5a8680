"""What may be shown of an address: everything but its password.

It is dropped, not starred out: what is left can be typed again, with PGPASSWORD or a password file.
Made for addresses that are wrong, too, such as those whose password has a character that it cannot.
"""

import re

# To the last @, since a password may have one that should have been written as %40.
USER = re.compile(r"(?P<before>\A[^:/]+://(?!/)[^:@]*):.*@", re.DOTALL)
UNESCAPED = "a character in it has to be written as %XX, as @ is %40"
OPTION = re.compile(r"(?P<before>[?&])(?:ssl)?password=[^&]*&?", re.IGNORECASE)


def without_password(url: str) -> str:
    """The address as it may be printed."""
    shown = USER.sub(r"\g<before>@", url)
    return OPTION.sub(r"\g<before>", shown).rstrip("?&") if OPTION.search(shown) else shown
