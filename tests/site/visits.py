"""Visiting a page of the site in a browser, and what goes wrong during the visit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.site.first_view import LARGEST_SHIFT, OBSERVE
from tests.waiting import WITHIN

PHONE, LAPTOP = 360, 1366  # CSS pixels
HEIGHT = 800
# A paper's width without its margins, in CSS pixels: A4 is 210 mm, 10 mm of it on each side.
PAPER = 718

ColourScheme = Literal["light", "dark"]


def in_browser(width: int) -> pytest.MarkDecorator:
    """Tests of one width run in one process."""
    return pytest.mark.xdist_group(f"browser-{width}")


class NoFrames(Exception):
    """Chromium draws nothing in this tab any more. Its page answers, so that nothing else fails."""


@dataclass
class Visit:
    """An open page, and what the browser asked for and complained about since it was opened."""

    page: Page
    requested: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requested.add(request.url))
        self.page.add_init_script(OBSERVE)

    def open(self, address: str, width: int) -> None:
        """Load a page into the tab, in its light colours, until it asks for nothing more."""
        self.page.emulate_media(media="screen", color_scheme="light")
        self.resize(width)
        self.requested.clear()
        self.errors.clear()
        self.page.goto(address, wait_until="networkidle")

    def resize(self, width: int) -> None:
        """Give the window another width, and the page's scripts the time to notice.

        Raises NoFrames when nothing is drawn any more.
        """
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        if not self.page.evaluate(_FRAMES_ARE_DRAWN, 1000 * WITHIN):
            raise NoFrames

    def problems(self) -> list[str]:
        """Errors of scripts, requests to elsewhere and moving content since the page was opened."""
        found = [f"JavaScript error: {error}" for error in self.errors]
        found += [
            f"a request leaves the site: {url}"
            for url in sorted(self.requested)
            if not url.startswith(("file:", "data:", "blob:"))
        ]
        if (shift := self.page.evaluate("seen.shift")) > LARGEST_SHIFT:
            found.append(f"content moves while the page loads: {shift:.3f}")
        return found

    def overflow(self) -> list[str]:
        """Whether the page scrolls sideways, once everything is laid out."""
        wide, screen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        return [f"scrolls sideways: {wide} px of content on {screen} px"] * (wide > screen)

    def print_problems(self) -> list[str]:
        """What a print of the page would cut off, or show though it is of no use on paper."""
        self.page.set_viewport_size({"width": PAPER, "height": 1000})
        self.page.emulate_media(media="print")
        try:
            return self.page.evaluate(_CUT, PAPER)
        finally:
            self.page.emulate_media(media="screen")


def lay_out_everything(page: Page) -> None:
    """Lay out what the browser would leave until the reader comes near."""
    page.add_style_tag(content="* { content-visibility: visible !important }")


_FRAMES_ARE_DRAWN = """(within) => new Promise((done) => {
  setTimeout(() => done(false), within)
  requestAnimationFrame(() => requestAnimationFrame(() => done(true)))
})"""
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
def visit(
    browser: Browser, address: str, width: int, scheme: ColourScheme = "light"
) -> Iterator[Visit]:
    """Open a page, as a new visitor with this width of window and this colour scheme."""
    size: ViewportSize = {"width": width, "height": HEIGHT}
    context = browser.new_context(viewport=size, color_scheme=scheme)
    try:
        visited = Visit(context.new_page())
        visited.page.goto(address, wait_until="networkidle")
        yield visited
    finally:
        context.close()
