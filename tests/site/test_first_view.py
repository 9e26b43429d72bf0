"""A page comes up within a second on a slow connection and a slow processor.

On a busy machine a second is longer: pages are loaded in turn with one that is known to take it.
"""

import pytest

from tests.chapters.contents import documents_of_the_book
from tests.conftest import ROOT
from tests.site.first_view import (
    A_SECOND,
    LARGEST_SHIFT,
    in_turn,
    page_that_takes,
    served,
)

pytestmark = pytest.mark.xdist_group("browser-1366")


def longest_page(site) -> str:
    return max(documents_of_the_book(ROOT), key=lambda n: (site / f"{n}.html").stat().st_size)


@pytest.fixture(scope="module")
def server(site):
    with served(site) as address:
        yield address


@pytest.fixture(scope="module")
def known_pages(tmp_path_factory):
    """Address of `second.html`, which takes a second, and `slow.html`, which takes longer."""
    folder = tmp_path_factory.mktemp("known_pages")
    styles, rounds = A_SECOND
    page_that_takes(folder, "second", styles, rounds)
    page_that_takes(folder, "slow", 2 * styles, 2 * rounds)
    with served(folder) as address:
        yield address


@pytest.mark.parametrize("which", ["landing page", "run", "longest page"])
def test_a_page_comes_up_quickly(browser, server, known_pages, site, which):
    named = {"landing page": documents_of_the_book(ROOT)[0], "run": "notebooks/concepts/run"}
    name = named.get(which) or longest_page(site)
    view, second = in_turn(browser, f"{server}/{name}.html", f"{known_pages}/second.html")
    print(f"{name}: {view.largest_paint:.2f} of {second:.2f} s, shift {view.layout_shift:.3f}")
    assert view.largest_paint <= second
    assert view.layout_shift <= LARGEST_SHIFT


def test_a_slow_page_is_found(browser, known_pages):
    view, second = in_turn(browser, f"{known_pages}/slow.html", f"{known_pages}/second.html", 2)
    assert view.largest_paint > second
