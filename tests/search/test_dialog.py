"""The search dialog: opened from its folder, used by keyboard alone."""

import re

import pytest
from search_index import where_to_ask

from tests.search.built_search import DIALOG, RESULT, open_search, page_of

pytestmark = pytest.mark.xdist_group("browser")
SHIPPED = {"dialog.js", "dialog.css", "words.js", "engine.js", "index.js", "rest.js"}


@pytest.fixture(scope="module")
def opened(browser, site):
    with page_of(browser, site) as page:
        yield page


@pytest.fixture
def page(opened):
    """A page whose search is closed."""
    opened.reload()
    opened.wait_for_load_state("load")
    return opened


def write(page, text: str) -> None:
    """Type, and wait until the field has it: then the results are those of what it has."""
    page.keyboard.type(text)
    field = "document.querySelector('[role=combobox]')"
    page.wait_for_function(f"(text) => {field}.value.endsWith(text)", arg=text)


def typed(page, text: str) -> None:
    write(page, text)
    page.wait_for_selector(RESULT)


def selected(page) -> str:
    """Heading of the result that Enter opens."""
    # Not the inner text, which is empty until the browser has found out what is in view.
    return page.locator(f"{RESULT}[aria-selected=true] .search-heading").text_content()


@pytest.mark.parametrize("keys", ["Control+k", "Meta+k", "/"])
def test_a_key_opens_it_with_the_field_ready(page, keys):
    open_search(page, keys)
    assert page.evaluate("document.activeElement.getAttribute('role')") == "combobox"


def test_the_button_opens_it(page):
    page.locator("[data-search-open]").click()
    page.wait_for_selector(DIALOG)


def test_a_slash_in_a_field_stays_a_character(page):
    open_search(page)
    page.keyboard.type("runs:/")
    assert page.locator("[role=combobox]").input_value() == "runs:/"


def test_results_appear_while_typing_with_part_chapter_and_the_hit_marked(page):
    open_search(page)
    typed(page, "런 지우고 되살리려면 restore_run")
    first = page.locator(RESULT).first
    assert "런을 지우고 되살리기" in first.text_content()
    assert first.locator(".search-place").text_content() == "메인 컨셉 › Run"
    assert "지우고" in first.locator(".search-heading mark").all_text_contents()
    lines = first.locator(".search-context").evaluate(
        "node => node.clientHeight / parseFloat(getComputedStyle(node).lineHeight)"
    )
    assert 1 <= round(lines) <= 2
    before = page.locator(RESULT).count()
    write(page, " 없는말없는말")
    assert page.locator(RESULT).count() <= before


HOLD_THE_REST = """() => {
  const append = Element.prototype.append;
  Element.prototype.append = function (...nodes) {
    if (nodes[0]?.src?.endsWith("/rest.js")) window.release = () => append.apply(this, nodes);
    else append.apply(this, nodes);
  };
}"""


def test_answers_stand_before_the_rest_is_loaded(browser, site):
    with page_of(browser, site) as page:
        page.evaluate(HOLD_THE_REST)
        page.keyboard.press("Control+k")
        page.wait_for_selector(DIALOG)
        typed(page, "delete_run restore_run")
        first = page.locator(RESULT).first
        assert (first.get_attribute("href") or "").endswith("run.html#run-delete")
        before = first.locator(".search-context").all_text_contents()
        page.keyboard.press("ArrowDown")
        second = selected(page)
        page.evaluate("release()")
        page.wait_for_selector(f"{DIALOG}[data-complete]")
        assert selected(page) == second
        assert first.locator(".search-context").all_text_contents() != before


def test_a_word_of_the_rest_can_be_asked_while_the_rest_is_read(page):
    open_search(page)
    found = page.evaluate("""() => {
      const engine = new handbookSearch.Engine(handbookSearch.index);
      Array.from(engine.reading());
      const words = handbookSearch.rest.words.split("\\n").map((line) => line.split("\\t")[0]);
      const isNew = (word) => !engine.postings.has(engine.analyser.analyse(word).word);
      const word = words.find(isNew);
      return Array.from(engine.readingRest(handbookSearch.rest), () => engine.search(word).length);
    }""")
    assert len(found) > 2 and found[-1] > 0


def test_arrows_choose_and_enter_opens_the_section(page):
    open_search(page)
    typed(page, "delete_run restore_run")
    first = selected(page)
    page.keyboard.press("ArrowDown")
    second = selected(page)
    assert second != first
    page.keyboard.press("ArrowUp")
    assert selected(page) == first
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    assert selected(page) == first
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"run\.html#run-delete$"))
    assert page.locator(DIALOG).count() == 0
    assert page.locator("#run-delete").count() == 1


def test_the_chosen_result_is_named_to_a_screen_reader(page):
    open_search(page)
    typed(page, "별칭")
    page.keyboard.press("ArrowDown")
    field = page.locator("[role=combobox]")
    chosen = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
    assert chosen.get_attribute("aria-selected") == "true"
    assert page.locator(f"{RESULT}[aria-selected=true]").count() == 1
    assert field.get_attribute("aria-expanded") == "true"
    listbox = page.locator(f"#{field.get_attribute('aria-controls')}")
    assert listbox.get_attribute("role") == "listbox"
    assert re.fullmatch(r"\d+곳을 찾았다\.", page.locator(f"{DIALOG} [role=status]").inner_text())


def test_tab_stays_inside_and_escape_gives_the_focus_back(page):
    button = page.locator("[data-search-open]").first
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(DIALOG)
    for keys in ("Tab", "Tab", "Tab", "Shift+Tab"):
        page.keyboard.press(keys)
        assert page.evaluate("document.activeElement.closest('.search-dialog') !== null")
    page.keyboard.press("Escape")
    page.wait_for_selector(DIALOG, state="detached")
    assert button.evaluate("node => node === document.activeElement")


def test_nothing_found_is_said(page):
    open_search(page)
    page.keyboard.type("쀍뛟쏉")
    page.get_by_text("찾지 못했다").wait_for()
    assert page.locator(RESULT).count() == 0


def test_what_the_book_lacks_shows_the_nearest_and_where_to_ask(page):
    open_search(page)
    write(page, "쀍뛟쏉 뚫쀍쏉 웷뛟쏉 실험")
    page.get_by_text("찾지 못했다").wait_for()
    assert page.locator(RESULT).count() == 3
    ask = page.locator(f"{DIALOG} [role=status] a")
    assert (ask.first.get_attribute("href") or "").endswith("%EC%8B%A4%ED%97%98")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert ask.first.evaluate("node => node === document.activeElement")


@pytest.mark.parametrize("repository, links", [("", 1), ("https://example.org/book", 2)])
def test_a_known_repository_is_asked_first(repository, links):
    found = [*where_to_ask(repository).values()]
    assert len(found) == links and found[0].startswith(repository or "https://github.com/mlflow/")


def test_a_row_that_was_found_is_lit(browser, site):
    with page_of(browser, site, "notebooks/tracking_server/install") as page:
        page.goto(f"{page.url}#install-rotate-postgres")
        rows = page.locator("tr").evaluate_all(
            "rows => rows.map((row) => [row.matches(':has(:target)'),"
            " getComputedStyle(row).backgroundColor !== 'rgba(0, 0, 0, 0)'])"
        )
    assert [lit for found, lit in rows if found] == [True]


def test_text_of_the_book_is_shown_as_text(page):
    """A query or a heading with markup in it does not become markup."""
    open_search(page)
    page.keyboard.type("<img src=x onerror=alert(1)> <class 'service_pb2")
    page.wait_for_selector(RESULT)
    assert page.locator(f"{DIALOG} img").count() == 0


def requests_of(page) -> list[str]:
    found = []
    page.on("request", lambda request: found.append(request.url))
    return found


def test_nothing_of_it_is_loaded_before_it_is_opened(page):
    found = requests_of(page)
    page.reload()
    page.wait_for_load_state("networkidle")
    names = [address.split("?")[0].rsplit("/", 1)[1] for address in found]
    assert "open.js" in names
    assert SHIPPED.isdisjoint(names)
    found.clear()
    open_search(page)
    loaded = {address.rsplit("/", 1)[1] for address in found if "/_static/search/" in address}
    assert loaded == SHIPPED
    assert all(address.startswith("file:") for address in found)
    found.clear()
    page.keyboard.press("Escape")
    open_search(page)
    assert [address for address in found if "/_static/search/" in address] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_screen(browser, site, scheme):
    screen = {"width": 360, "height": 640}
    with page_of(browser, site, viewport=screen, color_scheme=scheme) as page:
        open_search(page)
        typed(page, "MlflowException Changing param values is not allowed")
        box = page.locator(DIALOG).bounding_box()
        assert box is not None and box["x"] >= 0 and box["width"] <= 360
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        sideways = page.locator(f"{DIALOG} [role=listbox]").evaluate(
            "node => node.scrollWidth - node.clientWidth"
        )
        assert sideways <= 0


def test_the_search_page_opens_it_with_the_query_of_its_address(browser, site):
    with page_of(browser, site, "search") as page:
        page.goto(f"{(site / 'search.html').as_uri()}?q=set_tag")
        page.wait_for_selector(RESULT)
        assert page.locator("[role=combobox]").input_value() == "set_tag"
