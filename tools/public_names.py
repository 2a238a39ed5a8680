"""Writes the public names of today into their pin: `make public-names`.

The test beside the pin fails when the two differ; whoever runs this has decided that a public
name comes or goes, and says so in CHANGELOG.md.
"""

from pathlib import Path

import perdure
import perdure.testing

PIN = Path(__file__).resolve().parent.parent / "tests" / "tidy" / "public_names.txt"


def public_names() -> list[str]:
    """What users may import: `perdure.__all__`, and the kit's as testing.NAME; sorted."""
    return sorted([*perdure.__all__, *(f"testing.{name}" for name in perdure.testing.__all__)])


def pinned_names() -> list[str]:
    return PIN.read_text(encoding="utf-8").split()


def main() -> None:
    before, now = set(pinned_names()), set(public_names())
    PIN.write_text("".join(f"{name}\n" for name in sorted(now)), encoding="utf-8")
    print(f"{len(now)} public names pinned.")
    for sign, names in (("+", now - before), ("-", before - now)):
        for name in sorted(names):
            print(f"{sign} {name}")


if __name__ == "__main__":
    main()
