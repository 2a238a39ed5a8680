"""Failures are exceptions and data: equal, copied, encoded, found again by name."""

import copy
import traceback
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from perdure.sagas.errors import DeclarationError, PayloadError, UnknownFailure
from perdure.sagas.failure import Failure, decode_failure, encode_failure, find_failure_class

pytestmark = pytest.mark.every_python


class Shelf(BaseModel):
    number: int


class OutOfStock(Failure):
    sku: str
    wanted: int = 1
    shelves: list[Shelf] = Field(default_factory=list)


class SoldOut(OutOfStock):
    since: Decimal


class Declined(Failure, name="card.declined"):
    """The bank said no."""


class Told(Failure):
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"told: {self.text}"


failures = st.one_of(
    st.builds(Failure, st.text(st.characters(exclude_categories=["Cs"]))),
    st.builds(
        OutOfStock,
        sku=st.text("ABC-", max_size=5),
        wanted=st.integers(),
        shelves=st.lists(st.builds(Shelf, number=st.integers()), max_size=3),
    ),
    st.builds(SoldOut, sku=st.just("A"), since=st.decimals(allow_nan=False, allow_infinity=False)),
    st.builds(Declined),
    st.builds(Told, text=st.just("no"), reason=st.just("because")),
)


# behaviour 3
@given(failures)
def test_a_failure_comes_back_as_its_class_with_its_fields(failure: Failure) -> None:
    encoded = encode_failure(failure)
    decoded = decode_failure(encoded.name, encoded.data, [Failure, OutOfStock, Declined, Told])
    assert decoded == failure
    assert type(decoded) is type(failure)
    assert str(decoded) == str(failure)


@given(failures)
def test_a_failure_is_copied_with_its_notes(failure: Failure) -> None:
    failure.add_note("seen on Monday")
    for other in (copy.copy(failure), copy.deepcopy(failure)):
        assert other == failure
        assert str(other) == str(failure)
        assert other.__notes__ == ["seen on Monday"]


def test_equality_is_by_class_and_fields() -> None:
    assert OutOfStock(sku="A") == OutOfStock(sku="A", wanted=1)
    assert OutOfStock(sku="A") != OutOfStock(sku="B")
    assert OutOfStock(sku="A") != SoldOut(sku="A", since=Decimal(1))
    assert Failure("no") == Failure("no") != Failure("yes")
    assert len({OutOfStock(sku="A"), OutOfStock(sku="A"), OutOfStock(sku="B")}) == 2


def test_a_failure_reads_well() -> None:
    failure = OutOfStock(sku="A", shelves=[Shelf(number=3)])
    assert str(failure) == failure.text == "sku='A', wanted=1, shelves=[Shelf(number=3)]"
    assert traceback.format_exception_only(failure)[0].endswith(f"OutOfStock: {failure}\n")
    assert str(Declined()) == "Declined"
    assert str(Failure("no more")) == Failure("no more").text == "no more"
    assert Failure().text == ""
    assert Told(text="no").text == "no"
    assert str(Told(text="no")) == "told: no"
    assert not hasattr(failure, "colour")


def test_a_failure_is_caught_by_its_classes_alone_and_in_a_group() -> None:
    with pytest.raises(OutOfStock):
        raise SoldOut(sku="A", since=Decimal(1))
    group = ExceptionGroup("two", [OutOfStock(sku="A"), OutOfStock(sku="A"), ValueError()])
    matched, rest = group.split(OutOfStock)
    assert matched is not None
    assert rest is not None
    assert len(matched.exceptions) == 2


def test_fields_are_validated_and_given_by_name() -> None:
    with pytest.raises(ValidationError, match="Input should be a valid string"):
        OutOfStock(sku=3)
    with pytest.raises(ValidationError, match=r"Unexpected positional argument|should be a valid"):
        OutOfStock("A")


def test_a_failure_whose_fields_do_not_survive_is_refused() -> None:
    changed = OutOfStock(sku="A")
    changed.sku = 3
    with pytest.raises(PayloadError, match="failure 'OutOfStock', declared as OutOfStock"):
        encode_failure(changed)


# behaviour 3
def test_a_class_is_found_among_the_declared_then_below_them_then_everywhere() -> None:
    def declared_elsewhere() -> type[Failure]:
        class SoldOut(Failure):
            pass

        return SoldOut

    other = declared_elsewhere()
    assert find_failure_class("SoldOut", [other]) is other
    assert find_failure_class("SoldOut", [OutOfStock]) is SoldOut
    assert find_failure_class("SoldOut", [Declined]) is None  # two have the name
    assert find_failure_class("card.declined") is Declined
    assert find_failure_class("Declined") is None
    assert find_failure_class("Failure") is Failure


# behaviour 10
def test_a_recorded_failure_without_its_class_says_what_to_do() -> None:
    with pytest.raises(UnknownFailure, match=r"'Vanished' is recorded.*name it in raises"):
        decode_failure("Vanished", b"{}", [OutOfStock])
    with pytest.raises(PayloadError, match=r"failure 'OutOfStock'.*at sku: Field required"):
        decode_failure("OutOfStock", b"{}", [OutOfStock])


def test_a_failure_that_cannot_be_one_is_refused_where_it_is_defined() -> None:
    with pytest.raises(DeclarationError, match=r"failure 'no name' .*its name cannot be recorded"):

        class Unnamed(Failure, name="no name"):
            pass

    with pytest.raises(DeclarationError, match=r"failure 'Listed' .*mutable default .*list"):

        class Listed(Failure):
            skus: list[str] = []  # noqa: RUF012

    with pytest.raises(DeclarationError, match=r"failure 'Opaque' .*Unable to generate"):

        class Opaque(Failure):
            handle: traceback.TracebackException

    with pytest.raises(DeclarationError, match=r"failure 'Built' .*it has an __init__ of its own"):

        class Built(Failure):
            sku: str

            def __init__(self) -> None:
                self.sku = "A"
