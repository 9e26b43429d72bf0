"""What the first view of a page costs: its weight, and how far content moves."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Page

LARGEST_WEIGHT = 200_000  # bytes
LARGEST_SHIFT = 0.02
COMPRESSED = {".html", ".css", ".js", ".svg", ".json"}  # what a web server sends with gzip

OBSERVE = """
window.seen = {paint: 0, shift: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.paint = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def weight(requested: set[str], pictures: set[str]) -> tuple[int, int]:
    """Bytes as a web server sends them, and number, of the files of a page opened from a folder.

    `requested` are all addresses the browser asked for; `pictures`, the page's own, do not count.
    """
    paths = {unquote(urlsplit(url).path) for url in requested - pictures if "file:" in url}
    return sum(_transferred(Path(path)) for path in paths), len(paths)


def _transferred(file: Path) -> int:
    content = file.read_bytes()
    return len(gzip.compress(content, 6)) if file.suffix in COMPRESSED else len(content)


def own_pictures(page: Page) -> set[str]:
    """Addresses of the pictures in the text of a page."""
    return set(page.eval_on_selector_all("article img", "images => images.map(i => i.currentSrc)"))
