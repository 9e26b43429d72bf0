"""A page comes up within a second on a slow connection and a slow processor."""

import pytest

from tests.chapters.contents import documents_of_the_book
from tests.conftest import ROOT
from tests.site.first_view import LARGEST_SHIFT, LATEST_PAINT, best_first_view, served

pytestmark = pytest.mark.xdist_group("browser-1366")


def longest_page(site) -> str:
    return max(documents_of_the_book(ROOT), key=lambda n: (site / f"{n}.html").stat().st_size)


@pytest.fixture(scope="module")
def server(site):
    with served(site) as address:
        yield address


@pytest.mark.parametrize("which", ["landing page", "run", "longest page"])
def test_a_page_comes_up_quickly(browser, server, site, which):
    named = {"landing page": documents_of_the_book(ROOT)[0], "run": "notebooks/concepts/run"}
    name = named.get(which) or longest_page(site)
    view = best_first_view(browser, f"{server}/{name}.html")
    print(f"{name}: largest paint {view.largest_paint:.2f} s, shift {view.layout_shift:.3f}")
    assert view.largest_paint <= LATEST_PAINT
    assert view.layout_shift <= LARGEST_SHIFT


def test_a_slow_page_is_found(browser, tmp_path):
    # 200 kB of style sheet before the first paint: one second more on this connection.
    digits = f"{pow(7, 700_000, 10**450_000):x}"
    (tmp_path / "heavy.css").write_text(f"/* {digits} */ p {{ color: black }}")
    (tmp_path / "page.html").write_text('<link rel="stylesheet" href="heavy.css"><p>text</p>')
    with served(tmp_path) as server:
        assert best_first_view(browser, f"{server}/page.html", 2).largest_paint > LATEST_PAINT
