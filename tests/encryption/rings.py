"""Rings of keys, as users have them: from the environment, in files, and what stands in them."""

import base64
import json
from pathlib import Path

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
OLD_TEXT, NEW_TEXT = (base64.b64encode(key).decode() for key in (OLD, NEW))


def file_of(path: Path, current: str, **keys: bytes) -> Path:
    """A file with this ring, put in place in one step as users are told to."""
    texts = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    written = path.with_suffix(".new")
    written.write_text(json.dumps({"current": current, "keys": texts}))
    written.replace(path)
    return path
