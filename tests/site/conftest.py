"""One browser for all tests of pages."""

import pytest
from mlflow_lab.browser import chromium


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser
