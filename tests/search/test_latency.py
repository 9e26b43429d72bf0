"""A result stands on the screen within 50 ms of a key press, on a processor four times slower."""

import pytest

from tests.search.shipped import RESULT, open_search, page_of

pytestmark = pytest.mark.xdist_group("browser")

SLOWER = 4
LIMIT = 50  # ms from the key to the frame that shows the results
QUERIES = ("모델 레지스트리", "run 삭제 복구", "log_metirc", "param values is not allowed")
ROUNDS = 5

# For each key, milliseconds until its results are laid out and handed to the screen.
WATCH = """() => {
  const list = document.querySelector(".search-dialog [role=listbox]");
  window.delays = [];
  let pressed;
  addEventListener("beforeinput", (event) => (pressed = event.timeStamp), true);
  new MutationObserver(() => {
    const started = pressed;
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => delays.push(performance.now() - started);
    list.getBoundingClientRect();
    port2.postMessage("");
  }).observe(list, {childList: true});
}"""


def delays_of(page, query: str) -> list[float]:
    """Milliseconds from each key of a query to its results."""
    page.locator("[role=combobox]").fill("")
    page.wait_for_function("!document.querySelector('.search-dialog [role=option]')")
    page.evaluate("delays.length = 0")
    for key in query:
        page.keyboard.type(key)
    page.wait_for_function("delays.length >= 1 && document.querySelector('[role=option]')")
    return page.evaluate("delays")


def a_round(browser, site) -> list[list[float]]:
    """Delays of each query in a page that has searched nothing before."""
    with page_of(browser, site) as page:
        open_search(page)
        page.evaluate(WATCH)
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        return [delays_of(page, query) for query in QUERIES]


def test_results_follow_each_key(browser, site, capsys):
    rounds = [a_round(browser, site) for _ in range(ROUNDS)]
    worst = {}
    for number, query in enumerate(QUERIES):
        # Each key at its best, because the machine is shared; then the slowest key of the query.
        keys = zip(*(delays[number] for delays in rounds), strict=False)
        worst[query] = max(min(key) for key in keys)
    with capsys.disabled():
        print(f"\nslowest key, processor {SLOWER}x slower, each key the best of {ROUNDS} rounds:")
        for query, delay in worst.items():
            print(f"  {delay:5.1f} ms  {query}")
    assert max(worst.values()) <= LIMIT


def test_a_delay_is_measured(browser, site):
    """A page whose search takes 80 ms is seen to take them."""
    with page_of(browser, site) as page:
        open_search(page)
        page.evaluate(
            """() => {
              const search = handbookSearch.Engine.prototype.search;
              handbookSearch.Engine.prototype.search = function (...query) {
                const until = performance.now() + 80;
                while (performance.now() < until);
                return search.apply(this, query);
              };
            }"""
        )
        page.evaluate(WATCH)
        assert max(delays_of(page, "런")) >= 80
