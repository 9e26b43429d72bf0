"""A chapter is executed once per change, and the build shows that execution or nothing."""

import json

import pytest

from tests.gates.small_book import SmallBook

pytestmark = pytest.mark.xdist_group("execution cache")

COUNTING = """\
from pathlib import Path

Path("work/{0}").mkdir(parents=True, exist_ok=True)
with open("work/{0}/executions", "a") as file:
    file.write("x")
print("outputs of {0}")"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = SmallBook(tmp_path_factory.mktemp("book"))
    for name in ("first", "second"):
        book.add(f"setup/{name}", COUNTING.format(name))
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


def run(book) -> None:
    result = book.pytest("notebooks", "-q")
    assert result.returncode == 0, result.stdout


def test_the_life_of_a_cache(book):
    """One story, in order: each step needs the state that the step before left."""
    refused = book.build()
    assert refused.returncode != 0, "a page without outputs was built"
    assert "no fresh outputs for: notebooks/setup/first, notebooks/setup/second" in refused.stdout
    assert executions(book) == {}, "the build executed a chapter"

    run(book)
    assert executions(book) == {"first": 1, "second": 1}
    run(book)
    assert executions(book) == {"first": 1, "second": 1}, "executed twice without a change"

    built = book.build()
    assert built.returncode == 0, built.stdout
    assert executions(book) == {"first": 1, "second": 1}, "the build executed a chapter"
    page = book.folder / "_build/html/notebooks/setup/second.html"
    assert "outputs of second" in page.read_text()

    edit(book, "first", "markdown", "# Title", "# Another title")
    run(book)
    assert executions(book) == {"first": 1, "second": 1}, "a text edit executed a chapter"
    assert book.build().returncode == 0

    edit(book, "second", "code", "outputs of", "new outputs of")
    refused = book.build()
    assert refused.returncode != 0
    assert "no fresh outputs for: notebooks/setup/second" in refused.stdout
    run(book)
    assert executions(book) == {"first": 1, "second": 2}, "one edit must execute one chapter"
    assert book.build().returncode == 0
    assert "new outputs of second" in page.read_text()

    with open(book.folder / "requirements.txt", "a") as lock:
        lock.write("# changed\n")
    assert "no fresh outputs" in book.build().stdout
    run(book)
    assert executions(book) == {"first": 2, "second": 3}, "a new lock must execute everything"


def test_a_server_that_does_not_answer_is_named_before_anything_runs(book):
    result = book.pytest("notebooks", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert result.returncode == 4
    assert "MLFLOW_TRACKING_URI=http://127.0.0.1:9: no usable tracking server" in result.stdout
