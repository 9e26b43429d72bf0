"""pytest plugin of `make bench`: `--needs-site no` runs the tests that need no built site.

`--needs-site yes` runs the others. What a test needs is read from its fixtures.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--needs-site", choices=("yes", "no"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    wanted = config.getoption("needs_site")
    if wanted is None:
        return
    kept = [item for item in items if ("site" in item.fixturenames) == (wanted == "yes")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept
