"""`# perdure: ignore[CODE]` switches a rule off for a line, and is found when it is needless."""

from pathlib import Path

from perdure.infrastructure.lint.catalogue import ALL, RULES
from perdure.infrastructure.lint.examination import examine
from tests.lint.linted import SHOP, codes, found, in_body

CLOCK = "import time"


def test_a_comment_switches_a_rule_off_for_its_line(tmp_path: Path) -> None:
    line = "time.time()  # perdure: ignore[PD101]"
    assert codes(tmp_path, in_body(line, CLOCK)) == []
    assert codes(tmp_path, in_body(f"{line}\ntime.time()", CLOCK)) == ["PD101"]


def test_a_comment_may_stand_on_any_line_of_a_call_and_name_several_rules(tmp_path: Path) -> None:
    call = "print(\n    time.time()  # perdure: ignore[PD101, PD108] both are wanted\n)"
    assert codes(tmp_path, in_body(call, CLOCK)) == []


def test_a_comment_at_a_declaration_may_stand_at_its_decorator(tmp_path: Path) -> None:
    undo = "@charge.compensate(raises=[OutOfStock]){comment}\ndef unship(order_id: str): ..."
    assert codes(tmp_path, undo.format(comment="")) == ["PD203"]
    assert codes(tmp_path, undo.format(comment="  # perdure: ignore[PD203]")) == []


def test_a_needless_comment_is_a_finding(tmp_path: Path) -> None:
    assert codes(tmp_path, in_body("x = 1  # perdure: ignore[PD101]")) == ["PD001"]
    assert codes(tmp_path, "x = 1  # perdure: ignore[PD101]") == ["PD001"]
    [unknown] = found(tmp_path, a="x = 1  # perdure: ignore[PD999]")
    assert "PD999 is no rule" in unknown.what
    assert (unknown.line, unknown.column) == (1, 8)
    assert codes(tmp_path, "x = '# perdure: ignore[PD101]'") == []  # a text, no comment


def test_a_comment_of_another_rule_does_not_help(tmp_path: Path) -> None:
    line = "time.time()  # perdure: ignore[PD102]"
    assert codes(tmp_path, in_body(line, CLOCK)) == ["PD101", "PD001"]  # in their order on the line


def test_a_comment_in_a_helper_is_not_needless_when_its_workflow_is_not_linted(
    tmp_path: Path,
) -> None:
    helper = "import time\ndef stamp(): return time.time()  # perdure: ignore[PD101]"
    assert found(tmp_path, clocks=helper) == []
    saga = SHOP + in_body("x = stamp()", "from clocks import stamp")
    assert found(tmp_path, clocks=helper, saga=saga) == []
    unused = SHOP + in_body("x = stamp()", "from clocks import stamp").replace("stamp()", "1")
    assert found(tmp_path, clocks=helper, saga=unused) == []


def test_a_rule_that_is_left_out_for_the_run_makes_no_comment_needless(tmp_path: Path) -> None:
    file = tmp_path / "saga.py"
    file.write_text(SHOP + in_body("x = 1  # perdure: ignore[PD101]\nprint(x)"))
    outcome = examine([file], ["PD101", "PD108"], tmp_path)
    assert outcome.findings == []
    assert [each.code for each in examine([file], ["PD108"], tmp_path).findings] == ["PD001"]


def test_codes_are_each_used_once() -> None:
    assert len(RULES) == len(ALL)
    assert len({rule.name for rule in ALL}) == len(ALL)
