"""A page that arrives bit by bit, as over a slow connection."""

import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.site.visits import visit

PARTS = 40  # in which the rows of a table arrive; each waits for a frame
FIRST_SCREEN = 1000  # characters of text: with less above it, a table is seen while it arrives
_TAG = re.compile("<[^>]+>")
_NEXT_FRAME = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def around_first_table(page: str) -> tuple[str, str, str]:
    """A page in three parts: before the first table of its text, the table, and what follows."""
    start = page.find("<table", page.find("<article"))
    if start < 0:
        return page, "", ""
    table, end, after = page[start:].partition("</table>")
    return page[:start], table + end, after


def opens_with_a_table(page: str) -> bool:
    """Whether a table is on the first screen of a page."""
    before, table, _ = around_first_table(page)
    return bool(table) and len(_TAG.sub("", before.partition("<article")[2])) < FIRST_SCREEN


def shift_of_rows(browser: Browser, file: Path, width: int) -> float:
    """How far content moves while the first table of a page arrives, some rows after others."""
    before, table, after = around_first_table(file.read_text())
    rows = re.split("(?<=</tr>)", table)
    at_once = -(-len(rows) // PARTS)
    parts = ["".join(rows[n : n + at_once]) for n in range(0, len(rows), at_once)]
    with visit(browser, file.as_uri(), width) as visited:  # for what it links to, relatively
        page = visited.page
        page.evaluate("document.open(); seen.shift = 0")
        for part in [before, *parts, after]:
            page.evaluate("(html) => document.write(html)", part)
            page.evaluate(_NEXT_FRAME)
        page.evaluate("document.close()")
        page.evaluate(_NEXT_FRAME)
        return page.evaluate("seen.shift")
