"""Every page, opened from its folder in a real browser, at desktop and phone width."""

import pytest
from mlflow_lab.browser import chromium

from tests.chapters.contents import documents_of_the_book
from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("browser")
DOCUMENTS = documents_of_the_book(ROOT)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def troubles(browser, address: str, width: int, scheme: str = "light") -> list[str]:
    """Open a page and list errors of its scripts, requests to elsewhere and sideways scrolling."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    found = []
    page.on("pageerror", lambda error: found.append(f"JavaScript error: {error}"))
    page.on(
        "request",
        lambda request: (
            found.append(f"a request leaves the site: {request.url}")
            if not request.url.startswith(("file:", "data:", "blob:"))
            else None
        ),
    )
    try:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"scrolls sideways: {wide} px of content on {width} px")
    finally:
        page.close()
    return found


@pytest.mark.parametrize("width", [360, 1366])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_opens_cleanly(browser, pages, name, width):
    assert troubles(browser, pages[name].as_uri(), width) == []


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("<script>undefined_name()</script>", "JavaScript error: undefined_name is not defined"),
        ('<img src="http://127.0.0.1:9/x.png">', "a request leaves the site: http://127.0.0.1:9"),
        ('<p style="width: 2000px">x</p>', "scrolls sideways"),
    ],
)
def test_a_bad_page_is_found(browser, tmp_path, body, trouble):
    page = tmp_path / "page.html"
    page.write_text(f'<html lang="ko"><body>{body}</body></html>')
    assert trouble in "\n".join(troubles(browser, page.as_uri(), 360))
