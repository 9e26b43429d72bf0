"""`make page` executes one chapter and builds it into a site; the others say what they lack."""

import json

import pytest

from tests.chapter_gates.small_book import SmallBook
from tests.chapter_gates.test_execution_cache import FAILED, NOT_EXECUTED

pytestmark = pytest.mark.xdist_group("one page")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = SmallBook(tmp_path_factory.mktemp("book"))
    book.add("setup/other", 'print("outputs of " + "other")')
    book.add("setup/good", 'print("outputs of " + "good")')
    book.add("setup/failing", "1 / 0")
    unstartable = book.add("setup/unstartable", "1")
    content = json.loads(unstartable.read_text())
    content["metadata"]["kernelspec"]["name"] = "nowhere"
    unstartable.write_text(json.dumps(content))
    for number in range(5):  # Sphinx reads in parallel from six pages on
        book.add(f"setup/page_{number}", "1")
    return book


def page_of(book, name: str) -> str:
    return (book.folder / f"_build/page/html/notebooks/setup/{name}.html").read_text()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("good", "setup/good"),
        ("client/failing", "setup/failing"),
        ("setup/goood", "setup/good"),
        ("", "those in _toc.yml"),
    ],
)
def test_a_wrong_name_executes_nothing(book, name, near):
    result = book.make("page", f"NAME={name}")
    assert result.returncode == 2
    assert result.stdout.splitlines()[0] == f"no chapter '{name}': NAME is one of {near}"
    assert not (book.folder / "_build").exists()


def test_one_chapter_is_executed_and_the_others_say_that_they_are_not(book):
    result = book.make("page", "NAME=setup/good")
    assert result.returncode == 0, result.stdout
    page = book.folder / "_build/page/html/notebooks/setup/good.html"
    assert result.stdout.splitlines()[-1] == f"The page: {page.as_uri()}"
    assert "outputs of good\n" in page_of(book, "good")
    assert NOT_EXECUTED not in page_of(book, "good")
    for name in ("other", "failing"):
        assert NOT_EXECUTED in page_of(book, name)
        assert "outputs of other\n" not in page_of(book, name)
    assert not (book.folder / "_build/html").exists(), "a preview stands where the book belongs"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("failing", "ZeroDivisionError: division by zero"), ("unstartable", "No such kernel")],
)
def test_a_chapter_that_fails_has_its_page_and_an_exit_code(book, name, reason):
    result = book.make("page", f"NAME=notebooks/setup/{name}.ipynb")
    assert result.returncode != 0
    assert f"no fresh outputs for notebooks/setup/{name}: it failed" in result.stdout
    assert FAILED in page_of(book, name)
    assert reason in page_of(book, name)
    assert "outputs of good\n" in page_of(book, "good"), "the other chapter lost its outputs"
