"""How much of MLflow the chapters show in executed cells, as the API index counts it."""

import ast

import pytest
from book_facts import of_chapter
from chapter_parser import read_chapter, read_source
from execution_cache import ExecutionCache
from mlflow_names import inventory
from name_uses import Patterns
from table_of_contents import notebooks

from tests.conftest import ROOT

# What the chapters reach today; a new part of the book raises it.
LEAST = {
    **{"fluent": 85, "client": 85, "table": 33, "scheme": 14},
    **{"env": 30, "option": 20, "cli": 8, "rest": 24},
}

# Artifact URIs, the one without a scheme included, with which a file was stored and read back.
SCHEMES_STORED_AND_READ = 13


@pytest.fixture(scope="module")
def names():
    return inventory()


@pytest.fixture(scope="module")
def used(names) -> set[tuple[str, str]]:
    cache, patterns = ExecutionCache(ROOT), Patterns(names)
    found: set[tuple[str, str]] = set()
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


# Not found by name: a path without a scheme, and an address that is a server's nearly always.
NAMELESS = {"", "http", "https"}


def test_the_schemes_said_to_be_executed_are_used_on_their_pages(names):
    page = read_source(ROOT / "notebooks/artifact_store/sftp_http_hdfs.ipynb")
    assigned = next(
        node.value
        for cell in page.cells
        if cell.cell_type == "code" and cell.source.find("stored_and_read = {") >= 0
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "stored_and_read"
    )
    patterns, executed = Patterns(names), set()
    for document, schemes in ast.literal_eval(assigned).items():
        source = read_source(ROOT / f"notebooks/{document}.ipynb")
        code = "\n".join(cell.source for cell in source.cells if cell.cell_type == "code")
        used = {name.removesuffix(":/") for _, name, _, _ in patterns.in_uris(code)}
        assert set(schemes) - NAMELESS <= used, document
        executed |= set(schemes)
    assert len(executed) >= SCHEMES_STORED_AND_READ
