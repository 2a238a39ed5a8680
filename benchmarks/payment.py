"""`python -m benchmarks.payment MODE N`: what `python -m benchmarks program` does, as a program."""

import sys

from benchmarks.program import MODES, run


def main(arguments: list[str]) -> None:
    match arguments:
        case [mode, count] if mode in MODES and count.isdecimal() and int(count):
            run(mode, int(count))
        case _:
            sys.exit(f"usage: python -m benchmarks.payment {'|'.join(MODES)} N")


if __name__ == "__main__":
    main(sys.argv[1:])
