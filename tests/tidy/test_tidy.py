"""The rules, all over the project. `test_rules.py` shows that each of them can fail."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import groupby

import pytest

from tests.tidy import ambient, declarations, layers, testing, words
from tests.tidy.exceptions import BREACHES, SIZES
from tests.tidy.source import FACE, LAYERS, ROOT, Finding, Rule, Source, code, sources

CODE_RULES: list[Rule] = [
    layers.layer_arrows,
    layers.prefixed_imports,
    layers.face_without_logic,
    ambient.ambient_sources,
    ambient.unsafe_code,
    ambient.swallowed_errors,
    ambient.backend_forks,
    declarations.work_at_import,
    declarations.small_ports,
    words.twins,
    words.notes_to_self,
    words.module_docstring,
    testing.parked_tests,
    testing.sleeping_tests,
    testing.idle_tests,
    testing.stray_citations,
]
TEXT_RULES: list[Rule] = [words.drawers, words.foreign_places]


@cache
def project() -> tuple[Source, ...]:
    return tuple(sources())


def name_of(rule: Callable[..., object]) -> str:
    return rule.__name__


def assert_none(findings: Iterator[Finding] | list[Finding]) -> None:
    found = list(findings)
    assert not found, "\n" + "\n".join(map(str, found))


def spans(numbers: list[int]) -> str:
    """`1-3, 7` for 1, 2, 3, 7."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


@pytest.mark.parametrize("rule", CODE_RULES + TEXT_RULES, ids=name_of)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    excepted = BREACHES.get(rule.__name__, {})
    seen = [source for source in project() if rule in TEXT_RULES or code(source)]
    findings = [finding for source in seen for finding in rule(source)]
    assert_none([finding for finding in findings if finding.path not in excepted])
    needless = excepted.keys() - {finding.path for finding in findings}
    assert not needless, f"take these exceptions from {rule.__name__} away: {sorted(needless)}"


def test_files_and_functions_keep_within_their_limits() -> None:
    found = {
        name: (lines, limit)
        for source in project()
        if code(source)
        for name, lines, limit in words.sizes(source)
    }
    assert_none(words.ratchet(found, SIZES))


def test_exceptions_name_rules_that_exist() -> None:
    assert BREACHES.keys() <= set(map(name_of, CODE_RULES + TEXT_RULES))


def test_the_layers_are_links_in_the_package() -> None:
    paths = {layer: ROOT / FACE / layer for layer in LAYERS}
    links = {
        layer: str(path.readlink()) if path.is_symlink() else None for layer, path in paths.items()
    }
    assert_none(layers.broken_links(links))


@pytest.mark.parametrize(
    ("word", "pattern", "numbers"),
    [
        ("behaviours", testing.BEHAVIOUR, testing.BEHAVIOURS),
        ("invariants", testing.INVARIANT, testing.INVARIANTS),
    ],
)
def test_what_no_test_cites_is_told(
    word: str,
    pattern: re.Pattern[str],
    numbers: range,
    record_property: Callable[[str, object], None],
) -> None:
    cited = {
        number
        for source in project()
        if code(source) and testing.is_test_file(source) and source.folders[1:] != ("tidy",)
        for number, _, test in testing.citations(source, pattern)
        if test is not None
    }
    missing = [number for number in numbers if number not in cited]
    if missing:
        told = f"{len(missing)} of {len(numbers)} {word} are not cited by a test"
        record_property("summary", f"{told}: {spans(missing)}")
    assert cited
    assert cited <= set(numbers)
