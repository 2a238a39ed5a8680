"""The terminal: where output goes, how wide it is, and how an error looks there."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import IO, cast

from rich.console import Console
from rich.text import Text

PIPE_COLUMNS = 160  # nothing tells how wide a pipe is; narrower would break ids for no reason


def screen(*, stderr: bool = False) -> Console:
    """Stdout, or stderr, for people."""
    output: IO[str] = sys.stderr if stderr else sys.stdout
    if not output.isatty():
        output = cast("IO[str]", Unpadded(output))
    console = Console(file=output, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


def this_program() -> str:
    """How to type the program from where its user stands: by its name only if that is found."""
    installed = Path(sys.executable).with_name("perdure")
    if shutil.which("perdure") is not None or not installed.exists():
        return "perdure"
    if installed.is_relative_to(Path.cwd()):
        installed = installed.relative_to(Path.cwd())
    return shlex.quote(str(installed) if len(installed.parts) > 1 else f"./{installed}")


class Unpadded:
    """A file that gets no blanks at the ends of lines, with which tables are filled up."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        self._file.write(re.sub(r" +(?=\n|$)", "", text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def complain(message: str) -> None:
    """One line on stderr, in red where there are colours."""
    line = Text(f"perdure: {' '.join(printable(message).split())}", style="red")
    screen(stderr=True).print(line, soft_wrap=True)


def printable(text: str) -> str:
    """The text without what a terminal would obey: what is in a journal is data."""
    return "".join(each if each.isprintable() or each == "\n" else " " for each in text)
