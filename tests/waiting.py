"""How long tests wait for what has to happen: a bound for a busy machine, not an expectation."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mlflow_lab.patience import patience

if TYPE_CHECKING:  # tests without a browser do without Playwright
    from playwright.sync_api import BrowserContext

WITHIN = 120  # seconds, for an answer, a line of a log, the end of a process, a page

Found = TypeVar("Found")


def patient(context: "BrowserContext") -> None:
    """Whatever waits in the pages of a browser's context waits longer than Playwright's 30 s."""
    context.set_default_timeout(1000 * WITHIN)


def wait_until(find: Callable[[], Found], within: float = WITHIN, pause: float = 0.05) -> Found:
    """Asks again, after `pause` seconds, until the answer is true, and returns it.

    Raises AssertionError after `within` seconds, or more where other processes want to run.
    """
    started = time.monotonic()
    while not (found := find()):
        spent = time.monotonic() - started
        assert spent < patience(within), f"still not so after {spent:.0f} s"
        time.sleep(pause)
    return found
