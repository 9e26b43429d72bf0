"""How much of MLflow the chapters show in executed cells, as the API index counts it."""

import pytest
from book_facts import of_chapter
from chapters import notebooks, read_chapter
from execution_cache import ExecutionCache
from mlflow_names import inventory
from name_uses import Patterns

from tests.conftest import ROOT

# What the chapters reach today; a new part of the book raises it.
LEAST = {
    **{"fluent": 85, "client": 85, "table": 33, "scheme": 10},
    **{"env": 30, "option": 20, "cli": 8, "rest": 24},
}


@pytest.fixture(scope="module")
def names():
    return inventory()


@pytest.fixture(scope="module")
def used(names) -> set[tuple[str, str]]:
    cache, patterns, found = ExecutionCache(ROOT), Patterns(names), set()
    for document, path, _ in notebooks(ROOT):
        executed = cache.executed(path)
        assert executed, f"{document} was not executed: run `make chapters` first"
        for entry in of_chapter(read_chapter(executed), names, patterns).entries:
            found |= entry.uses
    return found


@pytest.mark.parametrize("kind", LEAST)
def test_the_chapters_use_enough_of_it(names, used, capsys, kind):
    listed = {entry.name for entry in names[kind]}
    covered = {name for its_kind, name in used if its_kind == kind}
    assert covered <= listed
    with capsys.disabled():
        print(f"\n{kind}: {len(covered)} of {len(listed)}", end="")
        if kind in ("fluent", "client", "table", "scheme"):
            print(f"; not used: {', '.join(sorted(listed - covered))}", end="")
    assert len(covered) >= LEAST[kind]
