"""One browser for the tests of a file."""

import pytest
from mlflow_lab.browser import chromium


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser
