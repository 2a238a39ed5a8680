"""Each rule fails on a bad sample, and lets its good neighbour pass."""

import textwrap

import pytest

from tests.tidy import ambient, declarations, layers, testing, words
from tests.tidy.source import LAYERS, Finding, Rule, Source, sources
from tests.tidy.test_tidy import CODE_RULES, TEXT_RULES, spans

# Rule, path, a sample that breaks it, one that does not.
SAMPLES: list[tuple[Rule, str, str, str]] = [
    (layers.layer_arrows, "domain/a.py", "import perdure.sagas.loop", "import perdure.domain.b"),
    (layers.layer_arrows, "domain/a.py", "from ..sagas import loop", "from . import events"),
    (layers.layer_arrows, "domain/a.py", "import asyncio", "import dataclasses"),
    (layers.layer_arrows, "domain/a.py", "from perdure import x", "from perdure.domain import x"),
    (
        layers.layer_arrows,
        "sagas/a.py",
        "def f():\n    from perdure.projections import x",
        "def f():\n    from perdure.sagas import x",
    ),
    (layers.layer_arrows, "sagas/a.py", "from sqlite3 import connect", "import asyncio"),
    (
        layers.layer_arrows,
        "projections/a.py",
        "from perdure.infrastructure.sqlite import x",
        "from perdure.domain.events import x",
    ),
    (layers.prefixed_imports, "tests/a.py", "import domain", "import perdure.domain"),
    (layers.prefixed_imports, "benchmarks/a.py", "from sagas.a import b", "from .sagas import b"),
    (layers.face_without_logic, "src/perdure/a.py", "x = load()", "from perdure.sagas import x"),
    (layers.face_without_logic, "src/perdure/a.py", "def f(): return 1", "__all__ = ['x']"),
    (ambient.ambient_sources, "sagas/a.py", "import time as t\nt.time()", "import time"),
    (ambient.ambient_sources, "domain/a.py", "from uuid import uuid4", "from uuid import UUID"),
    (ambient.ambient_sources, "sagas/a.py", "import random", "from .a import random"),
    (ambient.ambient_sources, "domain/a.py", "import secrets", "import hashlib"),
    (ambient.ambient_sources, "domain/a.py", "import os\nos.urandom(8)", "import os\nos.fspath(x)"),
    (
        ambient.ambient_sources,
        "infrastructure/sqlite/a.py",
        "from datetime import datetime as d\nd.now(tz)",
        "from datetime import datetime as d\nd.fromtimestamp(x, tz)",
    ),
    (
        ambient.ambient_sources,
        "infrastructure/a.py",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
        "import asyncio\nasync def f(clock):\n    await clock.sleep(1)",
    ),
    (ambient.unsafe_code, "infrastructure/a.py", "import pickle", "import json"),
    (ambient.unsafe_code, "tools/a.py", "x = eval('1')", "x = evaluate('1')"),
    (
        ambient.unsafe_code,
        "tests/a.py",
        "import yaml\nyaml.load(x)",
        "import yaml\nyaml.safe_load(x)",
    ),
    (
        ambient.swallowed_errors,
        "sagas/a.py",
        "try:\n    f()\nexcept KeyError:\n    pass",
        "try:\n    f()\nexcept KeyError:\n    g()",
    ),
    (
        ambient.swallowed_errors,
        "sagas/a.py",
        "from contextlib import suppress\nwith suppress(Exception):\n    f()",
        "from contextlib import suppress\nwith suppress(KeyError):\n    f()",
    ),
    (
        ambient.backend_forks,
        "infrastructure/a.py",
        "if settings.backend == 'x': f()",
        "if settings.backend.returns_rows: f()",
    ),
    (
        ambient.backend_forks,
        "infrastructure/a.py",
        "match engine.dialect.name:\n    case 'x': f()",
        "match event:\n    case Started(): f()",
    ),
    (ambient.backend_forks, "sagas/a.py", "x = url == 'sqlite'", "x = url == 'other'"),
    (declarations.work_at_import, "sagas/a.py", "register(x)", "def f(): register(x)"),
    (declarations.work_at_import, "sagas/a.py", "SEEN = {}", "NAMES = {'a': 1}"),
    (declarations.work_at_import, "sagas/a.py", "for x in y: f(x)", "NAMES = [x for x in y]"),
    (declarations.work_at_import, "sagas/a.py", "if x: y = 1", "if TYPE_CHECKING: import y"),
    (
        declarations.work_at_import,
        "infrastructure/a.py",
        "import os\ndef f(path=os.environ['HOME']): ...",
        "import os\ndef f(): return os.environ['HOME']",
    ),
    (
        declarations.work_at_import,
        "sagas/a.py",
        "LOG = open('x')",
        "import re\nX = re.compile('x')",
    ),
    (
        declarations.small_ports,
        "domain/a.py",
        "class P(Protocol):\n" + "".join(f"    def m{n}(self): ...\n" for n in range(9)),
        "class P(Protocol):\n" + "".join(f"    def m{n}(self): ...\n" for n in range(8)),
    ),
    (words.drawers, "sagas/order_utils.py", "", ""),
    (words.drawers, "tests/common/test_a.py", "", ""),
    (words.drawers, "sagas/a.py", "class LockManager: ...", "class Locks: ..."),
    (words.twins, "sagas/a.py", "def start_async(): ...", "def start(): ..."),
    (words.notes_to_self, "sagas/a.py", "x = 1  # TODO: more", "x = 1  # the first"),
    (words.notes_to_self, "sagas/a.py", "raise NotImplementedError", "x = NotImplemented"),
    (words.foreign_places, "README.md", "see /ro" + "ot/x", "see ./root/x and a/work/b"),
    (words.foreign_places, "README.md", "https://py" + "pi.org/x", "https://example.org/work/x"),
    (words.module_docstring, "sagas/a.py", "x = 1", '"""What it is."""'),
    (testing.parked_tests, "tests/a.py", "import pytest\n@pytest.mark.skip\ndef f(): ...", "x = 1"),
    (testing.parked_tests, "tests/a.py", "from pytest import importorskip\nimportorskip('x')", ""),
    (testing.sleeping_tests, "tests/a.py", "from time import sleep\nsleep(1)", "sleep(1)"),
    (
        testing.sleeping_tests,
        "tests/test_a.py",
        "import asyncio\nasync def test_a():\n    await asyncio.sleep(0.1)",
        "import asyncio\ndef test_a():\n    async def body(): await asyncio.sleep(9)",
    ),
    (testing.idle_tests, "tests/test_a.py", "def test_a(): f()", "def test_a(): assert f()"),
    (
        testing.idle_tests,
        "tests/test_a.py",
        "def test_a(): f().when(g)",
        "def test_a(): f().then(g)",
    ),
    (
        testing.idle_tests,
        "tests/test_a.py",
        "def f(): ...\ndef test_a(): f()",
        "def f(): assert x\ndef test_a(): f()",
    ),
    (
        testing.stray_citations,
        "tests/test_a.py",
        "# behaviour 7\nx = 1",
        "# behaviour 7\n# more\n@mark\ndef test_a(): ...",
    ),
    (
        testing.stray_citations,
        "tests/test_a.py",
        "class Other:\n    def test_a(self):\n        x = 1  # behaviour 7",
        "class TestOther:\n    def test_a(self):\n        x = 1  # behaviours 7, 8",
    ),
    (testing.stray_citations, "tests/test_a.py", "def test_a():\n    x = 1  # behaviour 92", ""),
    (testing.stray_citations, "tests/test_a.py", "def test_a():\n    x = 1  # invariant I18", ""),
    (testing.stray_citations, "tests/shop.py", "def test_a():\n    x = 1  # behaviour 9", ""),
]
GOOD_PATHS = {"sagas/order_utils.py": "sagas/orders.py", "tests/common/test_a.py": "tests/a.py"}


@pytest.mark.parametrize(
    ("rule", "path", "bad", "good"), SAMPLES, ids=[rule.__name__ for rule, *_ in SAMPLES]
)
def test_a_rule_tells_bad_from_good(rule: Rule, path: str, bad: str, good: str) -> None:
    assert list(rule(Source(path, bad))) != []
    assert list(rule(Source(GOOD_PATHS.get(path, path), good))) == []


def test_every_rule_has_a_sample() -> None:
    assert {rule.__name__ for rule, *_ in SAMPLES} == {
        rule.__name__ for rule in CODE_RULES + TEXT_RULES
    }


def test_adapters_may_read_the_clock() -> None:
    text = "import time\ntime.monotonic()"
    assert list(ambient.ambient_sources(Source("infrastructure/clock.py", text))) == []


def test_a_layer_that_is_no_link_is_found() -> None:
    links: dict[str, str | None] = {layer: f"../../{layer}" for layer in LAYERS}
    assert list(layers.broken_links(links)) == []
    broken = layers.broken_links({**links, "sagas": None, "domain": "../domain"})
    assert [finding.path for finding in broken] == ["src/perdure/domain", "src/perdure/sagas"]


def test_long_files_and_functions_are_found() -> None:
    body = "\n".join(f"        x{number} = 1" for number in range(words.FUNCTION_LINES))
    source = Source("a.py", f"class A:\n    def f(self):\n{body}\n" + "\n" * words.FILE_LINES)
    assert [(name, limit) for name, _, limit in words.sizes(source)] == [
        ("a.py", words.FILE_LINES),
        ("a.py::A.f", words.FUNCTION_LINES),
    ]


@pytest.mark.parametrize(
    ("lines", "known", "said"),
    [
        (400, None, "more than 300"),
        (400, 390, "never grows"),
        (400, 410, "lower its exception"),
        (None, 400, "take its exception away"),
    ],
)
def test_an_exception_only_shrinks(lines: int | None, known: int | None, said: str) -> None:
    found = {"a.py": (lines, 300)} if lines else {}
    allowed = {"a.py": known} if known else {}
    assert [said in finding.message for finding in words.ratchet(found, allowed)] == [True]


def test_an_exception_as_long_as_it_says_is_no_finding() -> None:
    assert list(words.ratchet({"a.py": (400, 300)}, {"a.py": 400})) == []


def test_citations_name_numbers_and_test() -> None:
    text = """
        # behaviours 1, 2 and 85-87: a crash
        @pytest.mark.faults
        async def test_a():
            assert x  # behaviour 9
        """
    source = Source("tests/test_a.py", textwrap.dedent(text))
    cited = [(number, test) for number, _, test in testing.citations(source)]
    assert cited == [(number, "test_a") for number in (1, 2, 85, 86, 87, 9)]


def test_spans_are_short() -> None:
    assert spans([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"


def test_a_finding_can_be_clicked() -> None:
    assert str(Finding("a.py", 3, "why")) == "a.py:3: why"


def test_links_and_litter_are_no_sources(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("project")
    for folder in ("domain", ".venv", "__pycache__", "a.egg-info"):
        (root / folder).mkdir()
        (root / folder / "a.py").touch()
    (root / "link").symlink_to(root / "domain")
    (root / "Makefile").touch()
    assert [source.path for source in sources(root)] == ["Makefile", "domain/a.py"]
