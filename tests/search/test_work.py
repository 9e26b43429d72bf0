"""What a key press costs in the search: calls, layouts, elements and steps, the same everywhere.

`make bench` times it.
"""

import pytest

from tests.search.built_search import DIALOG, RESULT, open_search, page_of

pytestmark = pytest.mark.xdist_group("browser")

QUERIES = ("모델 레지스트리", "run 삭제 복구", "log_metirc", "param values not allowed")
RESULTS = 8  # at the most; one layout for each of them would be too many
ELEMENTS = 25  # of a result, at the most: heading, place, context, marks
_COUNT_CALLS = """() => {
  window.searches = 0;
  const search = handbookSearch.Engine.prototype.search;
  handbookSearch.Engine.prototype.search = function (...query) {
    searches += 1;
    return search.apply(this, query);
  };
}"""
_A_KEY = """(text) => {
  const field = document.querySelector("[role=combobox]");
  field.value = text;
  searches = 0;
  field.dispatchEvent(new Event("input"));
  const list = document.querySelector(".search-dialog [role=listbox]");
  return [searches, list.children.length, list.querySelectorAll("*").length];
}"""


class Work:
    """Counts what a page does from one reading to the next."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")
        self.session.send("Profiler.enable")
        coverage = {"callCount": True, "detailed": True}
        self.session.send("Profiler.startPreciseCoverage", coverage)

    def steps(self) -> int:
        """How often functions and blocks were entered since the last reading, as V8 counts."""
        scripts = self.session.send("Profiler.takePreciseCoverage")["result"]
        functions = [function for script in scripts for function in script["functions"]]
        return sum(block["count"] for function in functions for block in function["ranges"])

    def layouts(self) -> int:
        """Layouts since the page was opened."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(int(m["value"]) for m in metrics if m["name"] == "LayoutCount")


@pytest.fixture
def page(browser, site):
    with page_of(browser, site) as page:
        open_search(page)
        page.evaluate(_COUNT_CALLS)
        yield page


@pytest.fixture
def work(page):
    return Work(page)


@pytest.fixture(scope="module")
def whole_index(site) -> int:
    """Steps of who looks at each character of the index."""
    return len((site / "_static" / "search" / "index.js").read_text())


def prefixes(query: str) -> list[str]:
    return [query[:length] for length in range(1, len(query) + 1)]


@pytest.mark.parametrize("query", QUERIES)
def test_a_key_asks_once_and_its_results_stand_at_once(page, work, whole_index, query):
    for text in prefixes(query):
        work.steps(), (before := work.layouts())
        searches, results, elements = page.evaluate(_A_KEY, text)
        assert searches == 1
        assert results <= RESULTS
        assert elements <= ELEMENTS * RESULTS
        assert work.layouts() - before < RESULTS
        assert work.steps() < whole_index
    assert page.locator(RESULT).count() == results > 0


def test_a_slow_search_is_noticed(page, work, whole_index):
    page.evaluate(
        """(rounds) => {
          const search = handbookSearch.Engine.prototype.search;
          handbookSearch.Engine.prototype.search = function (...query) {
            let work = 0;
            for (let n = 0; n < rounds; n += 1) work ^= n;
            window.work = work;
            return search.apply(this, query);
          };
        }""",
        whole_index,
    )
    work.steps()
    page.evaluate(_A_KEY, "런")
    assert work.steps() >= whole_index


def test_layouts_of_each_result_are_noticed(page, work):
    page.evaluate(
        """() => {
          const show = Element.prototype.replaceChildren;
          Element.prototype.replaceChildren = function (...nodes) {
            show.call(this);
            for (const node of nodes) this.append(node), this.getBoundingClientRect();
          };
        }"""
    )
    before = work.layouts()
    page.evaluate(_A_KEY, "런")
    assert page.locator(f"{DIALOG} [role=option]").count() == RESULTS
    assert work.layouts() - before >= RESULTS
