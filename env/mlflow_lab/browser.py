"""The system's Chromium, as Playwright drives it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from .programs import SET_UP, find

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # The browser's own traffic would be mistaken for the page's.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LAUNCH_WITHIN = 180_000  # milliseconds


def executable() -> str:
    """Path of the installed Chromium.

    Raises FileNotFoundError naming the command that installs it.
    """
    candidates = [find(name) for name in _NAMES] + [p for p in _MACOS if Path(p).exists()]
    for path in candidates:
        if path:
            return path
    raise FileNotFoundError(f"Chromium is not installed: run `{SET_UP}`")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=FLAGS, timeout=LAUNCH_WITHIN
        )
        try:
            yield browser
        finally:
            browser.close()
