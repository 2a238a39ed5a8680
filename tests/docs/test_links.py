"""Links between pages lead somewhere, and every page can be reached from the README."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT, pages

LINK = re.compile(r"\]\((?!https?://)([^)#]+)[^)]*\)")


def links(page: Path) -> Iterator[Path]:
    for target in LINK.findall(page.read_text()):
        yield (page.parent / target).resolve()


def test_links_lead_to_files_of_the_project() -> None:
    dead = [(page.name, str(to)) for page in pages() for to in links(page) if not to.exists()]
    assert not dead


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            waiting += links(page)
    assert set(pages()) <= reached
