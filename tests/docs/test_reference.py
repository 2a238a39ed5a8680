"""The reference says what the code says today."""

from tools import reference


def test_the_reference_is_what_the_code_gives() -> None:
    for name, text in reference.pages().items():
        stored = (reference.FOLDER / name).read_text()
        assert stored == text, f"docs/reference/{name} is stale: python -m tools.reference"


def test_the_reference_has_no_other_pages() -> None:
    assert {path.name for path in reference.FOLDER.iterdir()} == set(reference.pages())
