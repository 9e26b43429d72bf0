"""The landing page: three ways in on the first screen, and every page of the book behind them."""

from urllib.parse import urljoin

import pytest

from tests.site.visits import visit

pytestmark = pytest.mark.xdist_group("browser-360")
WAYS = ["하려는 일로 찾기", "오류 메시지로 찾기", "구성 요소별로 찾기"]


@pytest.fixture(scope="module")
def address(site):
    return (site / "book" / "index.html").as_uri()


def lowest(page, of: str) -> float:
    """Where the lowest of these parts of the three ways ends, in pixels from the top."""
    bottoms = f"[...document.querySelectorAll('{of}')].map(e => e.getBoundingClientRect().bottom)"
    return max(page.evaluate(bottoms)[:3])


def test_the_three_ways_are_on_the_first_screen_of_a_laptop(browser, address):
    with visit(browser, address, 1366) as visited:
        assert visited.page.locator("h2").all_text_contents()[:3] == [f"{way}#" for way in WAYS]
        assert lowest(visited.page, "section section") <= 768


def test_the_three_ways_begin_on_the_first_screen_of_a_phone(browser, address):
    with visit(browser, address, 390) as visited:
        assert lowest(visited.page, "section section h2") <= 844


def test_the_landing_page_leads_everywhere(browser, address, site, pages):
    with visit(browser, address, 390) as visited:
        links = visited.page.eval_on_selector_all(
            "main a, header a", "links => links.map(l => l.getAttribute('href'))"
        )
    targets = {urljoin(address, link).partition("#")[0] for link in links}
    wanted = {page.as_uri() for page in pages.values()} | {(site / "search.html").as_uri()}
    assert wanted - targets == set()
