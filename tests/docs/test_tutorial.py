"""The tutorial, typed from its text: files, commands, and the output that it promises."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Shell, type_from

CHAPTERS = sorted((ROOT / "docs/tutorial").glob("[0-9]*.md"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_reader_who_types_the_chapter_sees_what_it_says(chapter: Path, tmp_path: Path) -> None:
    for earlier in CHAPTERS[: CHAPTERS.index(chapter)]:
        type_from(earlier, tmp_path, shell=None)
    type_from(chapter, tmp_path, Shell(tmp_path))
    assert (tmp_path / "payments.db").exists()
