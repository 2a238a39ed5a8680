"""The conditions of `--where`: what they select, and what they refuse."""

import pytest
import typer

from perdure.infrastructure.command_line.where import parsed
from tests.journals.submissions import row

ROWS = [
    row("pay@order-1", workflow="pay", state="stuck", reason="refund: TimeoutError: 3 s, then 5 s"),
    row("pay@order-2", workflow="pay", state="suspended", reason="waits for the bank"),
    row("ship@order-1", workflow="ship", state="stuck", reason="x=3"),
]


def selected(*texts: str) -> list[str]:
    where = parsed(texts)
    return [each.execution_id for each in ROWS if where.fits(each)]


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (["state=stuck"], ["pay@order-1", "ship@order-1"]),
        (["state=stuck,workflow=pay"], ["pay@order-1"]),
        (["state=stuck", "workflow=pay"], ["pay@order-1"]),
        ([" state = stuck , id~order-1 , id~order-2 "], ["pay@order-1", "ship@order-1"]),
        (["state=stuck,state=suspended,workflow=pay"], ["pay@order-1", "pay@order-2"]),
        (["reason~timeouterror"], ["pay@order-1"]),
        (["reason~3 s, then"], ["pay@order-1"]),
        (["reason=x=3"], ["ship@order-1"]),
        (["reason=waits for the"], []),
    ],
)
def test_conditions_select(texts: list[str], ids: list[str]) -> None:
    assert selected(*texts) == ids


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stat=stuck", "no field 'stat'; choose of state, workflow, reason, id"),
        ("state=stuck,colour=red", "no field 'colour'"),
        ("state=lost", "'lost' is none of running, compensating"),
        ("state=waiting", "is running here"),
        ("state~stu", "state=stuck, not state~stu"),
        ("stuck", "'stuck' is no condition"),
        ("reason~", "names no value"),
    ],
)
def test_what_nothing_can_fit_is_refused_with_the_choices(text: str, told: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        parsed([text])
    assert told in str(refused.value)


TAGGED = [
    row("pay@1", workflow="pay", tags={"customer": "c-1", "sales.channel-2": "Web, shop"}),
    row("pay@2", workflow="pay", tags={"customer": "c-12"}),
    row("pay@3", workflow="pay"),
]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("tag.customer=c-1", "1"),
        ("tag.customer~C-1", "12"),
        ("tag.sales.channel-2=Web, shop", "1"),
        ("tag.customer=c-1,tag.customer=c-12", "12"),
        ("tag.customer~c,tag.sales.channel-2~web", "1"),
        ("tag.region=north", ""),
    ],
)
def test_conditions_on_tags_select_what_bears_them(text: str, keys: str) -> None:
    where = parsed([text])
    assert [each.execution_id[-1] for each in TAGGED if where.fits(each)] == list(keys)


@pytest.mark.parametrize("text", ["tag.=x", "tag.a/b=x", f"tag.{'x' * 65}=x"])
def test_a_tag_that_nothing_can_bear_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        parsed([text])
    assert "tag." in str(refused.value)
