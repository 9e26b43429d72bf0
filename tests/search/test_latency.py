"""A result stands on the screen as soon after a key press as a list of 400 lines would.

The list stands for 50 ms of an idle machine with a processor four times slower; on a shared one
it took 65 ms, and the slowest key 53 to 60. What is measured is the processor time that the page's
main thread spends: script, style and layout, with Chromium's slowdown. A neighbour on the machine
makes a key and the list dearer alike: each key is set beside the cheapest list of its own round,
and the best of a few rounds counts.
"""

import pytest

from tests.search.shipped import RESULT, open_search, page_of

pytestmark = pytest.mark.xdist_group("browser")

SLOWER = 4
QUERIES = ("모델 레지스트리", "run 삭제 복구", "log_metirc", "param values not allowed")
ROUNDS = 8  # at the most
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


def cost_of_the_list(page, watch: Stopwatch) -> float:
    """Milliseconds of work to put the list on the screen."""
    before = watch.settle(page)
    page.evaluate(LIST)
    return watch.settle(page) - before


def a_round(browser, site) -> dict[str, list[float]]:
    """The cost of each key, in a page that was asked nothing before, beside the list's of then."""
    keys, lists = {}, []
    with page_of(browser, site) as page:
        open_search(page)
        watch = Stopwatch(page, SLOWER)
        for query in QUERIES:
            lists.append(cost_of_the_list(page, watch))
            keys[query] = cost_of_keys(page, watch, query)
    return {query: [cost / min(lists) for cost in costs] for query, costs in keys.items()}


def test_results_follow_each_key(browser, site, capsys):
    best = {}
    for done in range(1, ROUNDS + 1):
        keys = a_round(browser, site)
        best = {query: list(map(min, best.get(query, c), c)) for query, c in keys.items()}
        slowest = max(map(max, best.values()))
        if done > 1 and slowest <= 1:
            break
    with capsys.disabled():
        print(f"\nslowest key, beside the list of its round, each key the best of {done} rounds:")
        for query, costs in best.items():
            print(f"  {max(costs):5.0%}  {query}")
    assert slowest <= 1


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
        watch = Stopwatch(page, 1)
        assert max(cost_of_keys(page, watch, "런")) > cost_of_the_list(page, watch)
