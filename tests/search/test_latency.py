"""A result stands on the screen within 50 ms of a key press, on a processor four times slower.

What is measured is the processor time that the page's main thread spends on a key: script, style
and layout, with Chromium's slowdown. On an idle machine that is the time until the results are
there; on a busy one it stays the same.
"""

import pytest

from tests.search.shipped import RESULT, open_search, page_of

pytestmark = pytest.mark.xdist_group("browser")

SLOWER = 4
LIMIT = 50  # ms
QUERIES = ("모델 레지스트리", "run 삭제 복구", "log_metirc", "param values not allowed")
ROUNDS = 3
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
QUIET = 60  # ms without work after which a key is answered


class Stopwatch:
    """Processor time of a page's main thread, slowed down."""

    def __init__(self, page, slower: int):
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.session.send("Emulation.setCPUThrottlingRate", {"rate": slower})

    def read(self) -> float:
        """Milliseconds of work since the page was opened."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * sum(metric["value"] for metric in metrics if metric["name"] in WORK)

    def settle(self, page) -> float:
        """The reading once the page has nothing more to do. Runs no script in the page."""
        before = -1.0
        while (now := self.read()) != before:
            before = now
            page.wait_for_timeout(QUIET)
        return now


def cost_of_keys(page, watch: Stopwatch, query: str) -> list[float]:
    """Milliseconds of work for each key of a query."""
    page.locator("[role=combobox]").fill("")
    costs = []
    for key in query:
        before = watch.settle(page)
        page.keyboard.type(key)
        costs.append(watch.settle(page) - before)
    assert page.locator(RESULT).count()
    return costs


def a_round(browser, site) -> dict[str, list[float]]:
    """The cost of each key, in a page that was asked nothing before."""
    with page_of(browser, site) as page:
        open_search(page)
        watch = Stopwatch(page, SLOWER)
        return {query: cost_of_keys(page, watch, query) for query in QUERIES}


def test_results_follow_each_key(browser, site, capsys):
    rounds = [a_round(browser, site) for _ in range(ROUNDS)]
    slowest = {}
    for query in QUERIES:
        best = [min(key) for key in zip(*(costs[query] for costs in rounds), strict=True)]
        slowest[query] = max(best)
    with capsys.disabled():
        print(f"\nslowest key, processor {SLOWER}x slower, each key the best of {ROUNDS} rounds:")
        for query, cost in slowest.items():
            print(f"  {cost:5.1f} ms  {query}")
    assert max(slowest.values()) <= LIMIT


def test_a_slow_search_is_noticed(browser, site):
    with page_of(browser, site) as page:
        open_search(page)
        page.evaluate(
            """() => {
              const search = handbookSearch.Engine.prototype.search;
              handbookSearch.Engine.prototype.search = function (...query) {
                let work = 0;
                for (let n = 0; n < 3e8; n += 1) work ^= n;
                window.work = work;
                return search.apply(this, query);
              };
            }"""
        )
        assert max(cost_of_keys(page, Stopwatch(page, 1), "런")) > LIMIT
