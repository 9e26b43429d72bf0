"""A section that needs others says so, and its code is copied with theirs."""

import json
import re

import pytest
from chapter_parser import read_chapter, read_source
from section_notebooks import notebook_of
from table_of_contents import notebooks

from tests.conftest import ROOT
from tests.site.visits import LAPTOP, visit

DOCUMENT = "notebooks/artifact_store/s3"
SECTIONS = ["s3-server", "s3-credentials"]  # the second writes a file by a magic of the cell


@pytest.fixture(scope="module")
def chapter():
    path = next(path for document, path, _ in notebooks(ROOT) if document == DOCUMENT)
    return read_chapter(read_source(path), DOCUMENT)


@pytest.fixture(scope="module")
def page(browser, pages):
    with visit(browser, pages[DOCUMENT].as_uri(), LAPTOP) as visited:
        visited.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield visited.page


def in_one_cell(code: str) -> str:
    magic = re.fullmatch(r"%%(\w+) ?(.*)\n((?s:.*))", code)
    if not magic:
        return code
    texts = (magic[1], magic[2], f"{magic[3]}\n")
    called = ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
    return f"get_ipython().run_cell_magic({called})"


@pytest.mark.parametrize("label", SECTIONS)
def test_the_code_of_a_section_is_copied_with_what_it_needs(page, chapter, label):
    section = next(s for s in chapter.sections if s.label == label)
    place = page.locator(f"#{label}").locator("xpath=ancestor-or-self::section[1]")
    links = place.locator(":scope > .needs a").all()
    assert [link.get_attribute("href") for link in links] == [f"#{n}" for n in section.needs]
    place.locator(":scope > .needs button").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    cells = [c.source for c in notebook_of(chapter, section).cells if c.cell_type == "code"]
    assert copied == "\n\n".join(in_one_cell(code.rstrip()) for code in cells)
    assert ("run_cell_magic" in copied) == any(code.startswith("%%") for code in cells)
