"""Text waits for one file, the page, and for the layout of what is near: counted, not timed.

How long that takes on a slow connection and a slow processor is a row of `make bench`.
"""

import re
from itertools import repeat

import pytest
from bs4 import BeautifulSoup
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT
from tests.site.visits import PHONE, in_browser, visit

pytestmark = in_browser(PHONE)

NEAR = 6  # screens; Chromium lays out a few in advance
_TAG = re.compile(r"<(?:link|script)\b[^>]*>")
_FAR = """(near) => [...document.querySelectorAll("article > section > section")]
  .filter((section) => section.getBoundingClientRect().top > near * innerHeight)
  .map((section) => section.firstElementChild)"""
_LAID_OUT = "(e) => e.checkVisibility({ contentVisibilityAuto: true })"


def longest_page(site) -> str:
    return max(documents_of_the_book(ROOT), key=lambda n: (site / f"{n}.html").stat().st_size)


def waited_for(page: str) -> list[str]:
    """Files that a browser loads before it shows the text of a page, or what follows them."""
    found = []
    for tag in map(BeautifulSoup, _TAG.findall(page), repeat("html.parser")):
        link, script = tag.find("link", rel="stylesheet", href=True), tag.find("script", src=True)
        if link and link.get("media") != "print":
            found.append(str(link["href"]))
        if script and not any(map(script.has_attr, ("defer", "async"))):
            found.append(str(script["src"]))
    return found


def test_text_waits_for_no_other_file(pages):
    found = {name: waited_for(page.read_text()) for name, page in pages.items()}
    assert {name: files for name, files in found.items() if files} == {}


@pytest.mark.parametrize(
    ("tag", "files"),
    [
        ('<link rel="stylesheet" type="text/css" href="a.css" />', ["a.css"]),
        ('<link rel="stylesheet" media="print" href="a.css">', []),
        ('<link rel="icon" href="a.svg">', []),
        ('<script src="a.js"></script>', ["a.js"]),
        ('<script defer src="a.js"></script>', []),
        ("<script>1</script>", []),
    ],
)
def test_a_file_that_text_waits_for_is_found(tag, files):
    assert waited_for(f"<head>{tag}</head><p>text</p>") == files


def laid_out_far_below(page) -> tuple[int, int]:
    """How many sections are far below the first screen, and how many of these are laid out."""
    far = f"({_FAR})({NEAR})"
    return page.evaluate(f"[{far}.length, {far}.filter({_LAID_OUT}).length]")


def test_sections_far_below_are_not_laid_out(browser, site):
    with visit(browser, (site / f"{longest_page(site)}.html").as_uri(), PHONE) as visited:
        far, laid_out = laid_out_far_below(visited.page)
        assert (far > 0, laid_out) == (True, 0)


def test_a_page_that_is_laid_out_whole_is_found(browser, site):
    with visit(browser, (site / f"{longest_page(site)}.html").as_uri(), PHONE) as visited:
        style = "article > section > section { content-visibility: visible !important }"
        visited.page.add_style_tag(content=style)
        far, laid_out = laid_out_far_below(visited.page)
        assert far == laid_out > 0
