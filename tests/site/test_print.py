"""A printed page: the whole text on white paper, without the frame."""

import io
import re
import unicodedata

import pytest
from playwright.sync_api import PdfMargins
from pypdf import PdfReader

from tests.site.visits import visit

pytestmark = pytest.mark.xdist_group("browser-360")
CHAPTER = "notebooks/concepts/overview"
MARGIN: PdfMargins = {"top": "10mm", "right": "10mm", "bottom": "10mm", "left": "10mm"}


@pytest.fixture(scope="module")
def printed(browser, pages):
    """A chapter, printed by a reader whose screen is dark; and its text on paper."""
    with visit(browser, pages[CHAPTER].as_uri(), 1366, "dark") as visited:
        page = visited.page
        page.evaluate(
            "addEventListener('beforeprint', () => window.ink = ({"
            " theme: document.documentElement.dataset.theme,"
            " closed: document.querySelectorAll('details:not([open])').length }))"
        )
        pdf = PdfReader(io.BytesIO(page.pdf(format="A4", margin=MARGIN)))
        yield page, "".join(sheet.extract_text() for sheet in pdf.pages)


def without_spaces(text: str) -> str:
    # PDF has one letter for "fl".
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def test_every_line_of_code_is_on_paper(printed):
    page, text = printed
    on_paper = without_spaces(text)
    lines = "\n".join(page.locator("pre").all_text_contents()).splitlines()
    ascii_lines = [without_spaces(line) for line in lines if line.isascii()]
    assert len(ascii_lines) > 100
    assert [line for line in ascii_lines if line not in on_paper] == []


def test_the_paper_begins_with_the_title(printed):
    page, text = printed
    assert without_spaces(text).startswith(without_spaces(page.title().partition(" — ")[0]))


def test_links_to_elsewhere_show_their_address(printed):
    page, text = printed
    addresses = page.eval_on_selector_all(
        "article a[href^=http]", "links => links.map(l => l.getAttribute('href'))"
    )
    assert addresses
    assert [a for a in addresses if a not in without_spaces(text)] == []


def test_a_dark_screen_prints_black_on_white_and_unfolded(printed):
    page, _ = printed
    assert page.evaluate("ink") == {"theme": "light", "closed": 0}
    page.locator("html[data-theme=dark]").wait_for()  # again, after printing
