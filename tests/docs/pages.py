"""The pages of the documentation, and what a reader would type from them.

A block of Python below a line that holds only a file's name, `saga.py`, is that file. In a block
named console, `$ ` begins a command and the lines below it are its output. Commands run in a shell
whose `python` and `perdure` are those of the tests.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?:^`([\w.]+)`\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KILLED = (-9, 137)
PATIENCE_SECONDS = 20

# What differs from run to run: keys, dates, times of day, seconds, the width of a terminal.
VARYING = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "KEY"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\+?\d+\.\d+ s\b"), "SECONDS"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `name` is its file's, empty for none."""

    name: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed, and what the page says comes out."""

    typed: str
    output: str


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text())]


def commands(block: Block) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        typed, _, output = part.partition("\n")
        yield Command(typed, output)


def type_from(page: Path, folder: Path, shell: "Shell | None") -> None:
    """Writes the page's files into the folder, in order; with a shell, runs its commands too."""
    for block in blocks(page):
        if block.name:
            (folder / block.name).write_text(block.text)
        elif block.language == "console" and shell is not None:
            for command in commands(block):
                seen = shell.run(command.typed)
                assert plain(seen) == plain(command.output), (
                    f"{page.name}: $ {command.typed}\n{seen}"
                )


def plain(output: str) -> str:
    """Output without what differs from run to run."""
    for pattern, word in VARYING:
        output = pattern.sub(word, output)
    return output.strip()


class Shell:
    """A terminal in a folder, as a reader would have it."""

    def __init__(self, folder: Path) -> None:
        programs = folder / ".programs"
        programs.mkdir()
        command_line = "from perdure.infrastructure.command_line import main; main()"
        for name, call in (("python", ""), ("perdure", f" -c '{command_line}'")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{call} "$@"\n')
            program.chmod(0o755)
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "COLUMNS": "100",
        }

    def run(self, typed: str) -> str:
        """What the terminal shows; a shell says "Killed" when a program was."""
        with subprocess.Popen(
            typed,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as started:
            try:
                shown, _ = started.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:  # the shell, and what it has started
                os.killpg(started.pid, signal.SIGKILL)
                raise
        # Whether this shell says so or not.
        return "Killed\n" if started.returncode in KILLED else shown
