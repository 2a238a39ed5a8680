"""Names are followed: through aliases, helpers, methods, other modules; and not too far."""

from pathlib import Path

import pytest

from perdure.infrastructure.lint.examination import examine
from tests.lint.linted import SHOP, codes, found, in_body

CLOCKED = "import time\ndef stamp(): return time.time()\n"

# What stands before the workflow, and a body that reaches its clock.
REACHED = [
    (CLOCKED, "stamp()"),
    (CLOCKED, "sorted('ab', key=stamp)"),
    (CLOCKED + "async def later(): return stamp()", "await later()"),
    ("import time\nclass A:\n    def stamp(self): return time.time()", "A().stamp()"),
    ("import time\nclass A:\n    @staticmethod\n    def s(): return time.time()", "A.s()"),
    ("import time\nclass A:\n    @property\n    def s(self): return time.time()", "A().s"),
    ("import time\nclass A:\n    def __init__(self): self.at = time.time()", "A()"),
    (
        "import time\nclass A:\n"
        "    def f(self): return self.g()\n    def g(self): return time.time()",
        "A().f()",
    ),
    (
        "import time\nclass B:\n    def g(self): return time.time()\nclass A(B): ...\n"
        "def pick() -> 'A | None': return A()",
        "a = pick()\na.g()",
    ),
    ("", "import time\ndef stamp(): return time.time()\nstamp()"),
    ("", "import time\n(lambda: time.time())()"),
    ("import time\nclock = time", "clock.time()"),
    ("import time\nclock = time.time", "clock()"),
]


@pytest.mark.parametrize(("before", "body"), REACHED, ids=[body for _, body in REACHED])
def test_the_clock_of_a_helper_is_found(before: str, body: str, tmp_path: Path) -> None:
    assert codes(tmp_path, in_body(body, before)) == ["PD101"]


# What stands before the workflow, and a body that only looks as if it reached a clock.
SHADOWED = [
    ("import time", "time = order\ntime.time()"),
    ("import time", "def f(time): return time.time()\nf(order)"),
    ("class time:\n    @staticmethod\n    def time(): return 0", "time.time()"),
    ("import time", "for time in []:\n    time.time()"),
    ("from datetime import date", "date = order\ndate.today()"),
    ("def open(name): return name", "open('a')"),
    ("def pick(): ...", "pick().now()"),
]


@pytest.mark.parametrize(("before", "body"), SHADOWED, ids=[body for _, body in SHADOWED])
def test_a_name_that_means_something_else_is_no_clock(
    before: str, body: str, tmp_path: Path
) -> None:
    assert codes(tmp_path, in_body(body, before)) == []
    assert codes(tmp_path, in_body("import time\ntime.time()")) == ["PD101"]


@pytest.mark.parametrize(
    "head",
    [
        "import perdure as p\nmark = p.workflow(key=str)",
        "from perdure import workflow as durable\nmark = durable(key=str)",
        "from perdure.sagas.workflow import workflow\nmark = workflow(key=str)",
    ],
)
def test_the_decorators_are_known_by_any_name(head: str, tmp_path: Path) -> None:
    imports, _, decorator = head.partition("\nmark = ")
    body = f"import time\n{imports}\n@{decorator}\nasync def buy(a: str): time.time()"
    assert [each.code for each in found(tmp_path, saga=body)] == ["PD101"]
    other = body.replace("perdure", "elsewhere")
    assert found(tmp_path, saga=other) == []


FRAMEWORK = "from perdure import activity, workflow\n"
WORKFLOW = """
from {imported}
@workflow(key=str)
async def buy(a: str) -> None:
    {called}
"""


def test_helpers_of_other_modules_are_followed(tmp_path: Path) -> None:
    saga = FRAMEWORK + WORKFLOW.format(imported="clocks import stamp as now", called="now()")
    [finding] = found(tmp_path, clocks=CLOCKED, saga=saga)
    assert (finding.path.name, finding.line) == ("clocks.py", 2)
    assert "in stamp (called by the body of buy)" in finding.what
    nearby = examine([tmp_path / "saga.py"], (), tmp_path)  # read since it is imported
    assert [each.path.name for each in nearby.findings] == ["clocks.py"]


@pytest.mark.parametrize(
    ("imports", "called"),
    [
        ("import shop.clocks", "shop.clocks.stamp()"),
        ("import shop.clocks as c", "c.stamp()"),
        ("from shop import clocks", "clocks.stamp()"),
        ("from shop import stamp", "stamp()"),
    ],
)
def test_modules_are_followed_however_they_are_imported(
    imports: str, called: str, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "clocks.py").write_text(CLOCKED)
    (tmp_path / "shop" / "__init__.py").write_text("from shop.clocks import stamp")
    [finding] = found(tmp_path, saga=SHOP + in_body(called, imports))
    assert (finding.path.name, finding.code) == ("clocks.py", "PD101")


def test_decorators_and_activities_may_come_from_other_modules(tmp_path: Path) -> None:
    charge = f"{FRAMEWORK}@activity\nasync def charge(a: str) -> None: ...\n"
    saga = WORKFLOW.format(imported="steps import charge, workflow", called="charge(a)")
    assert [each.code for each in found(tmp_path, steps=charge, saga=saga)] == ["PD112"]


def test_packages_are_followed_by_relative_imports(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    (package / "sagas").mkdir(parents=True)
    for folder in (package, package / "sagas"):
        (folder / "__init__.py").touch()
    (package / "clocks.py").write_text(CLOCKED)
    saga = package / "sagas" / "buying.py"
    text = WORKFLOW.format(imported="..clocks import stamp", called="stamp()")
    saga.write_text(FRAMEWORK + text)
    outcome = examine([saga], (), Path("/"))
    assert [each.path.name for each in outcome.findings] == ["clocks.py"]


def test_helpers_that_call_each_other_come_to_an_end(tmp_path: Path) -> None:
    circle = """
async def even(n: int) -> None: await odd(n - 1)
async def odd(n: int) -> None:
    await even(n - 1)
    a = b
    b = a
    print(a.x)
class A(A): ...
"""
    assert codes(tmp_path, in_body("await even(2)\nA().x()", circle)) == ["PD108"]


def test_code_that_is_deeply_nested_is_read(tmp_path: Path) -> None:
    long = " + ".join(["print('x')"] * 1500)
    assert codes(tmp_path, in_body(f"x = {long}")) == ["PD108"]
