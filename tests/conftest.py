"""Fixtures of the tests of structure, pipeline and site."""

import os
import signal
from pathlib import Path

import pytest
from mlflow_lab import warm_start
from mlflow_lab.browser import chromium
from mlflow_lab.patience import patience
from table_of_contents import documents_of_the_book

from tests.waiting import patient

ROOT = Path(__file__).resolve().parents[1]

# A shell starts what is in its background with Ctrl+C ignored, and everything below inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # what a test does is of no interest to MLflow
warm_start.begin(dict(os.environ))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def site(root) -> Path:
    """The built site. It is built by `make site`; a test must not hide that it was not."""
    folder = root / "_build" / "html"
    assert (folder / "index.html").is_file(), "the site is not built: run `make book` first"
    return folder


@pytest.fixture(scope="session")
def pages(site, root) -> dict[str, Path]:
    """The built page of each document of the book, by its name in _toc.yml."""
    return {name: site / f"{name}.html" for name in documents_of_the_book(root)}


@pytest.fixture
def cell_timeout(pytestconfig) -> int:
    """Seconds that a cell may take on this machine, now: those of the chapters."""
    return round(patience(pytestconfig.option.nbmake_timeout))


@pytest.fixture(scope="session")
def browser():
    """One browser for all tests of a process; Playwright cannot drive two in one."""
    with chromium() as browser:
        browser.on("context", patient)
        yield browser
