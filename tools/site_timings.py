"""How fast a built site is in a browser: what is timed, each beside a measure of the same minute.

A busy machine slows the page and its measure alike, so only their ratio says something.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow_lab import Nginx
from mlflow_lab.browser import chromium
from playwright.sync_api import Browser, Page, ViewportSize

from tests.search.built_search import RESULT, open_search, page_of
from tests.site.first_view import OBSERVE
from tests.waiting import patient

# 1.6 Mbit/s with a round trip of 150 ms, on a processor four times as slow as this one: the
# "slow 4G" of Lighthouse.
NETWORK = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
SLOWDOWN = 4
PHONE: ViewportSize = {"width": 412, "height": 823}
ROUNDS = 3  # the best counts: what is slower was disturbed

# What text waits for until a second, on an idle machine: bytes of style sheet and rounds of a loop.
A_SECOND = (40_000, 3_000_000)

QUERIES = ("모델 레지스트리", "run 삭제 복구", "log_metirc", "param values not allowed")
LIST = """() => setTimeout(() => {
  const list = document.body.appendChild(document.createElement("div"));
  for (let n = 0; n < 400; n += 1) {
    list.appendChild(document.createElement("p")).textContent = `line ${n} `.repeat(20);
  }
  list.getBoundingClientRect();
  list.remove();
})"""
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
QUIET = 60  # ms without work after which a key is answered

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


def timings(site: Path, documents: list[str], scratch: Path) -> dict[str, float]:
    """By what it is: seconds to the largest paint of a document, and ratios to the measures.

    A page's measure is one that takes a second on an idle machine. A key's measure is a list of
    400 lines put on the screen: 50 ms of an idle machine with a processor four times slower.
    `scratch` is a folder for the pages that are measures.
    """
    table = {}
    page_that_takes(scratch, "second", *A_SECOND)
    with chromium() as browser, _served(site) as address, _served(scratch) as measures:
        browser.on("context", patient)
        for name in documents:
            pairs = [
                (
                    _largest_paint(browser, f"{address}/{name}.html"),
                    _largest_paint(browser, f"{measures}/second.html"),
                )
                for _ in range(ROUNDS)
            ]
            paint, second = min(pairs, key=lambda pair: pair[0] / pair[1])
            table[f"first view of {name}: largest paint (s)"] = paint
            table[f"first view of {name}: / page of a second"] = paint / second
        table["search: slowest key / list of 400 lines"] = _slowest_key(browser, site)
    return table


def page_that_takes(folder: Path, name: str, styles: int, rounds: int) -> None:
    """Write a page of one word that waits for bytes of style sheet and for rounds of a loop."""
    digits = f"{pow(7, 10**6, 1 << (7 * styles)):x}"  # compressed, about `styles` bytes
    (folder / f"{name}.css").write_text(f"/* {digits} */ p {{ color: black }}")
    work = f"let x = 0; for (let i = 0; i < {rounds}; i++) x = Math.sqrt(x + i)"
    page = f'<link rel="stylesheet" href="{name}.css"><script>{work}</script><p>text</p>'
    (folder / f"{name}.html").write_text(page)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A folder behind a web server that compresses. Yields its address."""
    with Nginx(SERVER.format(folder=folder), quiet=True) as server:
        yield server.uri


def _largest_paint(browser: Browser, address: str) -> float:
    """Seconds, with an empty cache, on the slow connection and processor."""
    context = browser.new_context(viewport=PHONE)
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
        return page.evaluate("seen.paint") / 1000
    finally:
        context.close()


class Stopwatch:
    """Processor time of a page's main thread, slowed down."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})

    def read(self) -> float:
        """Milliseconds of work since the page was opened."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * sum(metric["value"] for metric in metrics if metric["name"] in WORK)

    def settle(self, page: Page) -> float:
        """The reading once the page has nothing more to do. Runs no script in the page."""
        before = -1.0
        while (now := self.read()) != before:
            before = now
            page.wait_for_timeout(QUIET)
        return now


def _slowest_key(browser: Browser, site: Path) -> float:
    """Work of the slowest key beside the cheapest list of its round, the best round of each key."""
    best: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        keys, lists = {}, []
        with page_of(browser, site) as page:
            open_search(page)
            watch = Stopwatch(page)
            for query in QUERIES:
                before = watch.settle(page)
                page.evaluate(LIST)
                lists.append(watch.settle(page) - before)
                keys[query] = _work_of_keys(page, watch, query)
        for query, work in keys.items():
            ratios = [cost / min(lists) for cost in work]
            best[query] = list(map(min, best.get(query, ratios), ratios))
    return max(map(max, best.values()))


def _work_of_keys(page: Page, watch: Stopwatch, query: str) -> list[float]:
    """Milliseconds of work for each key of a query."""
    page.locator("[role=combobox]").fill("")
    work = []
    for key in query:
        before = watch.settle(page)
        page.keyboard.type(key)
        work.append(watch.settle(page) - before)
    page.locator(RESULT).first.wait_for()
    return work
