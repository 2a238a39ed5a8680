"""README and how-to pages: their files run, and print what the pages say."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Shell, blocks, pages, type_from

EXAMPLES = [ROOT / "README.md", *sorted((ROOT / "docs/how_to").glob("*.md"))]


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_the_page_prints_what_it_says(page: Path, tmp_path: Path) -> None:
    type_from(page, tmp_path, Shell(tmp_path))
    assert [block.name for block in blocks(page) if block.name]


def test_every_python_block_is_a_file_that_runs() -> None:
    for page in pages():
        unnamed = [block for block in blocks(page) if block.language == "python" and not block.name]
        assert not unnamed, f"{page.name}: name the file above this block: {unnamed[0].text}"
