"""Every page, opened from its folder in a real browser, as wide as a phone and as a laptop."""

import pytest

from tests.chapters.contents import documents_of_the_book
from tests.conftest import ROOT
from tests.site.accessibility import obstacles, pale_text
from tests.site.first_view import LARGEST_WEIGHT, own_pictures, weight
from tests.site.visits import LAPTOP, PHONE, in_browser, visit

PAGES = [*documents_of_the_book(ROOT), "search"]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((name, width), id=f"{name}-{width}", marks=in_browser(width))
        for width in (PHONE, LAPTOP)
        for name in PAGES
    ],
)
def visited(request, browser, site):
    name, width = request.param
    with visit(browser, (site / f"{name}.html").as_uri(), width) as visited:
        yield visited


def test_a_page_opens_cleanly(visited):
    assert visited.troubles() == []


def test_a_page_is_light(visited):
    size, files = weight(visited.requested, own_pictures(visited.page))
    assert size <= LARGEST_WEIGHT, f"{size:,} bytes in {files} files"


def test_a_page_prints_whole(visited):
    if visited.width == LAPTOP:
        assert visited.cut_on_paper() == []


def test_a_page_has_no_obstacles(visited):
    assert obstacles(visited.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_text_stands_out(visited, scheme):
    assert pale_text(visited.page, scheme) == []


BAD_PAGE = '<html lang="ko"><head><title>x</title></head><body><main><h1>x</h1>{}</main></body>'


def bad_page(folder, body: str) -> str:
    page = folder / "page.html"
    page.write_text(BAD_PAGE.format(body))
    return page.as_uri()


@in_browser(PHONE)
@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("<script>undefined_name()</script>", "JavaScript error: undefined_name is not defined"),
        ('<img src="http://127.0.0.1:9/x.png">', "a request leaves the site: http://127.0.0.1:9"),
        ('<p style="width: 2000px">x</p>', "scrolls sideways"),
    ],
)
def test_a_bad_page_is_found(browser, tmp_path, body, trouble):
    with visit(browser, bad_page(tmp_path, body), PHONE) as visited:
        assert trouble in "\n".join(visited.troubles())


@in_browser(PHONE)
def test_a_page_that_moves_is_found(browser, tmp_path):
    with visit(browser, bad_page(tmp_path, "<p>some text</p>"), PHONE) as visited:
        visited.page.wait_for_function("seen.paint > 0")
        visited.page.evaluate("document.querySelector('h1').style.marginTop = '400px'")
        visited.page.wait_for_function("seen.shift > 0")
        assert "content moves while the page loads" in "\n".join(visited.troubles())


@in_browser(PHONE)
def test_a_heavy_page_is_found(browser, tmp_path):
    # Digits of a number nobody can compress.
    (tmp_path / "heavy.js").write_text(f"// {pow(7, 700_000, 10**500_000):x}")
    address = bad_page(tmp_path, '<script src="heavy.js"></script>')
    with visit(browser, address, PHONE) as visited:
        assert weight(visited.requested, set())[0] > LARGEST_WEIGHT


@in_browser(PHONE)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<pre style="overflow: auto; width: 9rem">a long line of code</pre>', "cut off: pre"),
        ('<table style="width: 900px"><tr><td>x</table>', "cut off: table"),
        ("<nav>x</nav>", "of no use on paper: nav"),
    ],
)
def test_a_page_that_prints_badly_is_found(browser, tmp_path, body, problem):
    with visit(browser, bad_page(tmp_path, body), PHONE) as visited:
        assert problem in "\n".join(visited.cut_on_paper())


@in_browser(PHONE)
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<p style="color: #aaa">hardly seen</p>', "color-contrast"),
        (
            '<p>A <a href="#" style="all: unset; color: #333">link</a> like text.</p>',
            "link-in-text-block",
        ),
        (
            '<div class="highlight"><pre><span style="color: #aaa">pale</span></pre></div>',
            "contrast",
        ),
        ("<button></button>", "button-name"),
        ("<h4>x</h4>", "heading-order"),
        ('<pre style="overflow: auto; width: 2rem">a long line</pre>', "scrollable-region"),
    ],
)
def test_an_inaccessible_page_is_found(browser, tmp_path, body, problem):
    with visit(browser, bad_page(tmp_path, body), PHONE) as visited:
        found = obstacles(visited.page) + pale_text(visited.page, "light")
        assert problem in "\n".join(found)
