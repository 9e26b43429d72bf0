"""What the first view of a page costs: its weight, and how it comes up on a slow connection."""

import gzip
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow_lab import Nginx

LARGEST_WEIGHT = 200_000  # bytes
# What text waits for until a second, on an idle machine: bytes of style sheet and rounds of a loop.
# Like a chapter's time, a third of it is the processor's: both grow when the machine is busy.
A_SECOND = (40_000, 3_000_000)
LARGEST_SHIFT = 0.02
COMPRESSED = {".html", ".css", ".js", ".svg", ".json"}  # what a web server sends with gzip

# 1.6 Mbit/s with a round trip of 150 ms, on a processor four times as slow as this one: the
# "slow 4G" of Lighthouse.
NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
SLOWDOWN = 4

SERVER = """
types {{
    text/html html; text/css css; application/javascript js; image/svg+xml svg;
    image/webp webp; image/png png; application/json json;
}}
server {{
    listen 127.0.0.1:@PORT@;
    root {folder};
    gzip on;
    gzip_comp_level 6;
    gzip_types text/css application/javascript image/svg+xml application/json;
}}
"""

OBSERVE = """
window.seen = {paint: 0, element: "", shift: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    seen.paint = entry.startTime;
    seen.element = entry.element ? entry.element.tagName.toLowerCase() : "";
  }
}).observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@dataclass(frozen=True)
class FirstView:
    """How a page came up: seconds to its largest content, and the sum of its layout shifts."""

    largest_paint: float
    element: str
    layout_shift: float


def weight(requested: set[str], pictures: set[str]) -> tuple[int, int]:
    """Bytes as a web server sends them, and number, of the files of a page opened from a folder.

    `requested` are all addresses the browser asked for; `pictures`, the page's own, do not count.
    """
    paths = {unquote(urlsplit(url).path) for url in requested - pictures if "file:" in url}
    return sum(_transferred(Path(path)) for path in paths), len(paths)


def _transferred(file: Path) -> int:
    content = file.read_bytes()
    return len(gzip.compress(content, 6)) if file.suffix in COMPRESSED else len(content)


def own_pictures(page) -> set[str]:
    """Addresses of the pictures in the text of a page."""
    return set(page.eval_on_selector_all("article img", "images => images.map(i => i.currentSrc)"))


@contextmanager
def served(site: Path):
    """The site behind a web server that compresses. Yields its address."""
    with Nginx(SERVER.format(folder=site), quiet=True) as server:
        yield server.uri


def page_that_takes(folder: Path, name: str, styles: int, rounds: int) -> None:
    """Write a page of one word that waits for bytes of style sheet and for rounds of a loop."""
    digits = f"{pow(7, 10**6, 1 << (7 * styles)):x}"  # compressed, about `styles` bytes
    (folder / f"{name}.css").write_text(f"/* {digits} */ p {{ color: black }}")
    work = f"let x = 0; for (let i = 0; i < {rounds}; i++) x = Math.sqrt(x + i)"
    page = f'<link rel="stylesheet" href="{name}.css"><script>{work}</script><p>text</p>'
    (folder / f"{name}.html").write_text(page)


def in_turn(browser, page: str, measure: str, attempts: int = 6) -> tuple[FirstView, float]:
    """A load of `page`, and the earlier largest paint of `measure` before and after it, seconds.

    A busy machine slows both down. The best of several attempts; stops early at a good one.
    """
    pairs = []
    before = first_view(browser, measure).largest_paint
    for _ in range(attempts):
        view = first_view(browser, page)
        after = first_view(browser, measure).largest_paint
        pairs.append((view, min(before, after)))
        before = after
        if view.largest_paint <= pairs[-1][1]:
            break
    return min(pairs, key=lambda pair: pair[0].largest_paint / pair[1])


def first_view(browser, address: str) -> FirstView:
    """Load a page with an empty cache on the slow connection and processor."""
    context = browser.new_context(viewport={"width": 412, "height": 823})
    try:
        page = context.new_page()
        page.add_init_script(OBSERVE)
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        devtools.send("Network.emulateNetworkConditions", NETWORK)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        page.goto(address, wait_until="networkidle")
        page.wait_for_function("seen.paint > 0")
        seen = page.evaluate("seen")
    finally:
        context.close()
    return FirstView(seen["paint"] / 1000, seen["element"], seen["shift"])
