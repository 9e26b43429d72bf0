"""The search as it is shipped: its scripts and its index, in Chromium, from a folder."""

import gzip
from contextlib import contextmanager
from pathlib import Path

DIALOG = ".search-dialog[open]"
RESULT = f"{DIALOG} [role=option]"


@contextmanager
def page_of(browser, site: Path, document: str = "notebooks/concepts/run", **options):
    """A page of the site, opened from its folder."""
    page = browser.new_page(**({"viewport": {"width": 1366, "height": 800}} | options))
    try:
        page.goto((site / f"{document}.html").as_uri())
        yield page
    finally:
        page.close()


def open_search(page, keys: str = "Control+k") -> None:
    """Open the dialog and wait until the index is read, and the texts that it shows."""
    page.keyboard.press(keys)
    page.wait_for_selector(f"{DIALOG}[data-complete]")


def rankings(browser, site: Path, queries: list[str], limit: int = 10) -> list[list[str]]:
    """For each query the sections found, best first: a label, or the document for a whole page."""
    with page_of(browser, site) as page:
        open_search(page)
        return page.evaluate(
            """([queries, limit]) => {
              const engine = handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest);
              const name = ({anchor, address}) => anchor || address.replace(/[.]html$/, "");
              return queries.map((query) =>
                engine.search(query, limit).map(({section}) => name(section)));
            }""",
            [queries, limit],
        )


def missing(browser, site: Path, queries: list[str]) -> list[bool]:
    """For each query whether the search says that the book has no answer."""
    with page_of(browser, site) as page:
        open_search(page)
        return page.evaluate(
            """(queries) => {
              const engine = handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest);
              return queries.map((query) => handbookSearch.isMissing(engine.search(query, 3)));
            }""",
            queries,
        )


def compressed(path: Path) -> int:
    """Bytes of a file as a web server sends it, with gzip."""
    return len(gzip.compress(path.read_bytes(), 9))
