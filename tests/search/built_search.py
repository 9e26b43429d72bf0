"""The search as it is shipped: its scripts and its index, in Chromium, from a folder."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

DIALOG = ".search-dialog[open]"
RESULT = f"{DIALOG} [role=option]"
# A site of an older commit, as `make bench` opens one, has its index in one part.
_IS_READ = """() => {
  const dialog = document.querySelector(".search-dialog");
  const reading = dialog.querySelector("[role=status]").textContent.includes("읽는");
  const inParts = document.querySelector('script[src$="/rest.js"]') !== null;
  return !reading && (!inParts || "complete" in dialog.dataset);
}"""


@contextmanager
def page_of(
    browser: Browser, site: Path, document: str = "notebooks/concepts/run", **options: Any
) -> Iterator[Page]:
    """A page of the site, opened from its folder."""
    page = browser.new_page(**({"viewport": {"width": 1366, "height": 800}} | options))
    try:
        page.goto((site / f"{document}.html").as_uri())
        yield page
    finally:
        page.close()


def open_search(page: Page, keys: str = "Control+k") -> None:
    """Open the dialog and wait until the index is read, and the texts that it shows."""
    page.keyboard.press(keys)
    page.wait_for_selector(DIALOG)
    page.wait_for_function(_IS_READ)


@dataclass(frozen=True)
class Answer:
    """What the search finds, best first: a label each, or the document for a whole page.

    `missing`: it says that the book has no answer.
    """

    ranking: list[str]
    missing: bool


def answers(browser: Browser, site: Path, queries: list[str], limit: int = 10) -> list[Answer]:
    """The answer to each query."""
    with page_of(browser, site) as page:
        open_search(page)
        found = page.evaluate(
            """([queries, limit]) => {
              const engine = handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest);
              const name = ({anchor, address}) => anchor || address.replace(/[.]html$/, "");
              return queries.map((query) => {
                const found = engine.search(query, limit);
                // An older site says it where nothing is found.
                const missing = handbookSearch.isMissing?.(found) ?? !found.length;
                return {ranking: found.map(({section}) => name(section)), missing};
              });
            }""",
            [queries, limit],
        )
    return [Answer(**answer) for answer in found]


def rankings(browser: Browser, site: Path, queries: list[str], limit: int = 10) -> list[list[str]]:
    """For each query the sections found, as in its answer."""
    return [answer.ranking for answer in answers(browser, site, queries, limit)]


def compressed(path: Path) -> int:
    """Bytes of a file as a web server sends it, with gzip."""
    return len(gzip.compress(path.read_bytes(), 9))
