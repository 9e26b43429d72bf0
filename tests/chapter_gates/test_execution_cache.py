"""A chapter is executed once per change, and the build shows that execution or nothing."""

import json

import nbformat
import pytest
from execution_cache import KEPT, ExecutionCache

from tests.chapter_gates.small_book import SmallBook

pytestmark = pytest.mark.xdist_group("execution cache")

COUNTING = """\
from pathlib import Path

Path("work/{0}").mkdir(parents=True, exist_ok=True)
with open("work/{0}/executions", "a") as file:
    file.write("x")
print("outputs of {0}")"""
READING = 'assert open("../../env/server/nginx.conf").read()'

# a file of each kind -> the chapters that depend on it
READ_BY = {
    "requirements.txt": {"first", "second"},
    "env/mlflow_lab/ports.py": {"first", "second"},
    "env/kernel/kernel.env": {"first", "second"},
    "env/server/nginx.conf": {"second"},  # second names it
    "env/server/start.sh": set(),
    "env/server/README.md": set(),
    "env/setup/serve.py": set(),
    "README.md": set(),
}

NOT_EXECUTED, FAILED = "실행하지 않은 장", "실행에 실패한 장"  # titles of boxes


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = SmallBook(tmp_path_factory.mktemp("book"))
    book.add("setup/first", COUNTING.format("first"))
    book.add("setup/second", COUNTING.format("second"), READING)
    (book.folder / "README.md").touch()
    return book


def executions(book) -> dict[str, int]:
    return {
        path.parent.name: len(path.read_text())
        for path in sorted(book.folder.glob("notebooks/setup/work/*/executions"))
    }


def edit(book, name: str, kind: str, old: str, new: str) -> None:
    path = book.folder / f"notebooks/setup/{name}.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == kind:
            cell["source"] = "".join(cell["source"]).replace(old, new)
    path.write_text(json.dumps(notebook))


def to_execute(book) -> set[str]:
    cache = ExecutionCache(book.folder)
    return {
        path.stem
        for path in book.folder.glob("notebooks/setup/*.ipynb")
        if cache.executed_at(path) is None
    }


def page_of(book, name: str) -> str:
    return (book.folder / f"_build/html/notebooks/setup/{name}.html").read_text()


def run(book) -> None:
    result = book.pytest("notebooks", "-q")
    assert result.returncode == 0, result.stdout


def test_the_life_of_a_cache(book):
    """One story, in order: each step needs the state that the step before left."""
    incomplete = book.build()
    assert incomplete.returncode != 0, "a book without outputs was built as if it were whole"
    for name in ("first", "second"):
        assert f"no fresh outputs for notebooks/setup/{name}: execute it" in incomplete.stdout
        assert NOT_EXECUTED in page_of(book, name)
    assert executions(book) == {}, "the build executed a chapter"

    run(book)
    assert executions(book) == {"first": 1, "second": 1}
    run(book)
    assert executions(book) == {"first": 1, "second": 1}, "executed twice without a change"

    built = book.build()
    assert built.returncode == 0, built.stdout
    assert executions(book) == {"first": 1, "second": 1}, "the build executed a chapter"
    assert "outputs of second\n" in page_of(book, "second")
    assert NOT_EXECUTED not in page_of(book, "first") + page_of(book, "second")

    edit(book, "first", "markdown", "# Title", "# Another title")
    edit(book, "second", "code", "outputs of", "new outputs of")
    incomplete = book.build()
    assert incomplete.returncode != 0
    assert "no fresh outputs for notebooks/setup/second" in incomplete.stdout
    assert "no fresh outputs for notebooks/setup/first" not in incomplete.stdout
    assert NOT_EXECUTED in page_of(book, "second")
    assert "outputs of first\n" in page_of(book, "first"), "the other chapter lost its outputs"
    assert "Another title" in page_of(book, "first")
    run(book)
    executed = executions(book)
    assert executed == {"first": 1, "second": 2}, "an edit of code executes one, of text none"
    assert book.build().returncode == 0
    assert "new outputs of second\n" in page_of(book, "second")

    edit(book, "second", "code", "print(", "1 / 0\nprint(")
    incomplete = book.make("book")
    assert incomplete.returncode != 0, "a book with a failed chapter was built as if it were whole"
    assert "1 failed, 2 passed" in incomplete.stdout
    assert "no fresh outputs for notebooks/setup/second: it failed" in incomplete.stdout
    assert "The book: _build/html/index.html" in incomplete.stdout
    assert FAILED in page_of(book, "second")
    assert "ZeroDivisionError: division by zero" in page_of(book, "second")
    assert "outputs of first\n" in page_of(book, "first"), "the other chapter lost its outputs"
    edit(book, "second", "code", "1 / 0\n", "")
    run(book)
    assert executions(book) == {"first": 1, "second": 3}
    assert book.build().returncode == 0
    assert FAILED not in page_of(book, "second")

    edit(book, "second", "code", "new outputs of", "other outputs of")
    assert to_execute(book) == {"second"}
    edit(book, "second", "code", "other outputs of", "new outputs of")
    assert to_execute(book) == set(), "an edit that was taken back executes a chapter"

    for name, readers in READ_BY.items():
        file = book.folder / name
        before = file.read_text()
        file.write_text(f"{before}\n# changed\n")
        assert to_execute(book) == readers, name
        file.write_text(before)
        assert to_execute(book) == set(), name
    for names, of_first, of_second in (
        (("env/server/README.md", "env/server/nginx.conf"), 1, 4),
        (("requirements.txt",), 2, 5),
    ):
        for name in names:
            with open(book.folder / name, "a") as file:
                file.write("# changed\n")
        run(book)
        assert executions(book) == {"first": of_first, "second": of_second}, names


def test_a_cache_does_not_grow_without_bound(tmp_path):
    book = SmallBook(tmp_path)
    cache, gone = ExecutionCache(book.folder), book.add("setup/gone", "1")
    cache.store(gone, nbformat.read(gone, 4), 1.0, cache.inputs(gone))
    cache.store_failure(gone, "why", cache.inputs(gone))
    gone.unlink()
    for edited in range(KEPT + 2):
        path = book.add("setup/kept", str(edited))
        cache.store(path, nbformat.read(path, 4), 1.0, cache.inputs(path))
        cache.store_failure(path, "why", cache.inputs(path))
    assert cache.executed_at(path) and cache.failure(path) == "why"
    assert len(list(cache.folder.glob("executed/*"))) == KEPT
    assert len(list(cache.folder.rglob("failures/**/*.ipynb"))) == 1


def test_a_server_that_does_not_answer_is_named_before_anything_runs(book):
    result = book.pytest("notebooks", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert result.returncode == 4
    assert "MLFLOW_TRACKING_URI=http://127.0.0.1:9: no usable tracking server" in result.stdout
