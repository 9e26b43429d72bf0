"""Text stands still while a page arrives over a slow connection."""

import pytest

from tests.site.first_view import LARGEST_SHIFT
from tests.site.slow_loading import opens_with_a_table, shift_of_rows
from tests.site.visits import LAPTOP, PHONE, in_browser

WIDTHS = (PHONE, LAPTOP)


@pytest.mark.parametrize(
    "width",
    [pytest.param(width, marks=in_browser(width)) for width in WIDTHS],
)
def test_a_table_stands_still_while_its_rows_arrive(browser, pages, width):
    opening = [name for name, page in pages.items() if opens_with_a_table(page.read_text())]
    # Chapters open with a table of one kind: each is looked at in one of the widths.
    half = opening[WIDTHS.index(width) :: len(WIDTHS)]
    seen_first = {*half, *(name for name in opening if name.startswith("book/"))}
    assert "book/find/glossary" in seen_first
    shifts = {name: shift_of_rows(browser, pages[name], width) for name in seen_first}
    assert {name: shift for name, shift in shifts.items() if shift > LARGEST_SHIFT} == {}


@in_browser(LAPTOP)
def test_a_table_that_is_shown_unfinished_moves(browser, pages, tmp_path):
    glossary = pages["book/find/glossary"]
    base = f'<base href="{glossary.as_uri()}">'
    style = "<style>table { display: table !important }</style>"
    page = tmp_path / "page.html"
    page.write_text(glossary.read_text().replace("<head>", f"<head>{base}{style}"))
    assert shift_of_rows(browser, page, LAPTOP) > LARGEST_SHIFT
