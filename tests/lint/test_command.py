"""`perdure lint` as it is typed: what it prints, for people and programs, and how it ends."""

import json
import sys
from pathlib import Path

import pytest

from tests.command_line.conftest import CommandLine, perdure
from tests.lint.linted import SHOP, in_body

__all__ = ["perdure"]  # a fixture

ROOT = Path(__file__).parents[2]
BAD = SHOP + in_body("import time\ntime.time()")
GOOD = SHOP + in_body("await charge(order.order_id)")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app" / "sagas").mkdir(parents=True)
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "app" / "bad.py").write_text(BAD)
    (tmp_path / "app" / "sagas" / "good.py").write_text(GOOD)
    return tmp_path


def test_a_finding_has_its_place_its_reason_its_fix_and_its_line(perdure: CommandLine) -> None:
    printed = perdure("lint", "app/bad.py")
    line = BAD.splitlines().index("    time.time()") + 1
    assert printed.status == 1
    assert printed.out.splitlines() == [
        f"app/bad.py:{line}:5: PD101 time.time() in the body of buy reads the clock; use "
        "perdure.now() or time_left(), or read the clock in an activity",
        "    time.time()",
        "1 finding in 1 file.",
    ]


def test_its_help_has_an_example(perdure: CommandLine) -> None:
    printed = perdure("lint", "--help")
    assert printed.status == 0
    assert "Example: perdure lint " in " ".join(printed.out.split())


def test_clean_files_end_with_status_0(perdure: CommandLine) -> None:
    printed = perdure("lint", "app/sagas/good.py", "app/__init__.py")
    assert (printed.status, printed.out) == (0, "Nothing found in 2 files.\n")


@pytest.mark.parametrize(
    ("target", "files"),
    [("app", 3), (".", 3), ("app.bad", 1), ("app.sagas.good", 1), ("app.sagas", 1)],
)
def test_files_folders_and_modules_can_be_named(
    target: str, files: int, perdure: CommandLine
) -> None:
    told = "1 file." if files == 1 else f"{files} files."
    assert perdure("lint", target).out.endswith(f" in {told}\n")


def test_nothing_that_is_linted_is_imported_or_run(perdure: CommandLine, here: Path) -> None:
    (here / "app" / "__init__.py").write_text("open('ran', 'w')")
    (here / "app" / "bad.py").write_text(f"open('ran', 'w')\n{BAD}")
    assert perdure("lint", "app.bad").status == 1
    assert not (here / "ran").exists()
    assert "app" not in sys.modules


def test_folders_of_installed_code_are_left_out(perdure: CommandLine, here: Path) -> None:
    for folder in ("app/.hidden", "app/node_modules", "app/environment/lib"):
        (here / folder).mkdir(parents=True)
        (here / folder / "bad.py").write_text(BAD)
    (here / "app" / "environment" / "pyvenv.cfg").touch()
    assert perdure("lint", "app").out.endswith("1 finding in 3 files.\n")


@pytest.mark.parametrize("content", [b"def f(:\n", b"x = '\xff'\n", b"x = 1\0\n"])
def test_a_file_that_cannot_be_parsed_is_status_2(
    content: bytes, perdure: CommandLine, here: Path
) -> None:
    (here / "broken.py").write_bytes(content)
    printed = perdure("lint", "broken.py", "app/bad.py")
    assert printed.status == 2
    assert printed.err.startswith("perdure: broken.py cannot be parsed: ")
    assert printed.out.endswith("1 finding in 1 file.\n")  # the others are linted all the same


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "say what to lint"),
        (("nowhere",), "nowhere is no file, no folder, and no module"),
        (("app", "--ignore", "PD1"), "PD1: there is no such rule"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: tuple[str, ...], told: str, perdure: CommandLine
) -> None:
    printed = perdure("lint", *arguments)
    assert printed.status == 2
    assert told in " ".join(printed.err.replace("│", " ").split())


def test_a_rule_can_be_left_out_for_a_run(perdure: CommandLine) -> None:
    assert perdure("lint", "app", "--ignore", "PD101").status == 0
    assert perdure("lint", "app", "--ignore", "PD108,PD101").status == 0
    assert perdure("lint", "app", "--ignore", "PD108").status == 1


def test_findings_are_one_json_object_a_line(perdure: CommandLine) -> None:
    printed = perdure("lint", "app", "--json")
    [line] = printed.out.splitlines()
    told = json.loads(line)
    assert told.keys() == {"path", "line", "column", "code", "what", "fix"}
    assert (told["path"], told["code"], told["column"]) == ("app/bad.py", "PD101", 5)
    assert perdure("lint", "app/sagas", "--json").out == ""


def test_findings_can_be_annotations_of_a_build(perdure: CommandLine) -> None:
    printed = perdure("lint", "app", "--format", "github")
    line = BAD.splitlines().index("    time.time()") + 1
    assert printed.out.startswith(
        f"::error file=app/bad.py,line={line},col=5,title=PD101::time.time() in the body of buy "
    )


def test_findings_can_be_sarif(perdure: CommandLine) -> None:
    log = json.loads(perdure("lint", "app", "--format", "sarif").out)
    [run] = log["runs"]
    [result] = run["results"]
    assert log["version"] == "2.1.0"
    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "app/bad.py"}


def test_the_rules_are_listed_with_reason_and_fix(perdure: CommandLine) -> None:
    printed = perdure("lint", "--rules")
    assert printed.status == 0
    assert "PD101" in printed.out
    assert "would see another time. Use perdure.now()" in " ".join(printed.out.split())
    rules = [json.loads(line) for line in perdure("lint", "--rules", "--json").out.splitlines()]
    assert [rule["code"] for rule in rules] == sorted(rule["code"] for rule in rules)
    assert all(rule["reason"] and rule["fix"] for rule in rules)


def test_the_code_of_a_line_cannot_command_the_terminal(perdure: CommandLine, here: Path) -> None:
    (here / "odd.py").write_text(SHOP + in_body("print('\x1b[2J')"))
    printed = perdure("lint", "odd.py")
    assert printed.status == 1
    assert "\x1b" not in printed.out


def test_the_demo_and_the_shop_of_the_tests_are_clean(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    printed = perdure("lint", "infrastructure/demo", "tests/engine/shop.py")
    assert printed.out.startswith("Nothing found in ")
    assert printed.status == 0


def test_the_hook_for_others_types_this_command(perdure: CommandLine) -> None:
    manifest = (ROOT / ".pre-commit-hooks.yaml").read_text()
    settings = dict(
        line.strip("- ").split(": ", 1) for line in manifest.splitlines() if ": " in line
    )
    program, *arguments = settings["entry"].split()
    assert (settings["id"], program) == ("perdure-lint", "perdure")
    assert perdure(*arguments, "app/bad.py", "app/sagas/good.py").status == 1
    assert perdure(*arguments, "app/sagas/good.py").status == 0
