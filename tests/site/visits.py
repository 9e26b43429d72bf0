"""Visiting a page of the site in a browser, and what goes wrong during the visit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.site.first_view import LARGEST_SHIFT, OBSERVE

PHONE, LAPTOP = 360, 1366  # CSS pixels
# A paper's width without its margins, in CSS pixels: A4 is 210 mm, 10 mm of it on each side.
PAPER = 718


def in_browser(width: int):
    """Pages of one width run in one process: one browser, and each page is loaded once."""
    return pytest.mark.xdist_group(f"browser-{width}")


@dataclass
class Visit:
    """An open page, and what the browser asked for and complained about since it was opened."""

    page: object
    width: int
    requested: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def troubles(self) -> list[str]:
        """Errors of scripts, requests to elsewhere, sideways scrolling and moving content."""
        found = [f"JavaScript error: {error}" for error in self.errors]
        found += [
            f"a request leaves the site: {url}"
            for url in sorted(self.requested)
            if not url.startswith(("file:", "data:", "blob:"))
        ]
        shift = self.page.evaluate("seen.shift")
        lay_out_everything(self.page)
        if (wide := self.page.evaluate("document.documentElement.scrollWidth")) > self.width:
            found.append(f"scrolls sideways: {wide} px of content on {self.width} px")
        if shift > LARGEST_SHIFT:
            found.append(f"content moves while the page loads: {shift:.3f}")
        return found

    def cut_on_paper(self) -> list[str]:
        """What a print of the page would cut off, or show though it is of no use on paper."""
        page = self.page
        page.set_viewport_size({"width": PAPER, "height": 1000})
        page.emulate_media(media="print")
        try:
            return page.evaluate(_CUT, PAPER)
        finally:
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": self.width, "height": 800})


def lay_out_everything(page) -> None:
    """Lay out what the browser would leave until the reader comes near."""
    page.add_style_tag(content="* { content-visibility: visible !important }")


_CUT = """(paper) => {
  const shown = (e) => e.checkVisibility() && e.getClientRects().length > 0
  const found = []
  for (const e of document.querySelectorAll("pre, table, img, .cell_output, article div")) {
    if (!shown(e)) continue
    const clips = getComputedStyle(e).overflow !== "visible"
    if (e.getBoundingClientRect().right > paper + 1 ||
        clips && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)) {
      found.push(`cut off: ${e.tagName.toLowerCase()}: ${e.textContent.trim().slice(0, 60)}`)
    }
  }
  for (const e of document.querySelectorAll("header, nav, button")) {
    if (shown(e)) found.push(`of no use on paper: ${e.tagName.toLowerCase()}`)
  }
  return found
}"""


@contextmanager
def visit(browser, address: str, width: int, scheme: str = "light") -> Iterator[Visit]:
    """Open a page, as a new visitor with this width of window and this colour scheme."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    try:
        page = context.new_page()
        visited = Visit(page, width)
        page.on("pageerror", lambda error: visited.errors.append(str(error)))
        page.on("request", lambda request: visited.requested.add(request.url))
        page.add_init_script(OBSERVE)
        page.goto(address, wait_until="networkidle")
        yield visited
    finally:
        context.close()
