"""The shards of the book are its table of contents, and many machines build what one would."""

import json
import shutil
from argparse import ArgumentTypeError
from collections import Counter
from pathlib import Path

import pytest
from table_of_contents import chapters_of_the_book

from tests.chapter_gates.small_book import SmallBook
from tests.chapter_plugin.shards import RECORD, chapters_of_shard, cut, expected_seconds, shard
from tests.conftest import ROOT

CHAPTERS = chapters_of_the_book(ROOT)
COUNTS = range(1, len(CHAPTERS) + 2)  # up to one machine more than there are chapters

SAYING = """\
from pathlib import Path

Path("work/{0}").mkdir(parents=True, exist_ok=True)
Path("work/{0}/executed").touch()
print("outputs of {0}")"""


@pytest.mark.parametrize("count", COUNTS)
def test_all_shards_together_are_the_table_of_contents(count):
    shards = [chapters_of_shard((n, count), ROOT) for n in range(1, count + 1)]
    assert Counter(path for shard in shards for path in shard) == Counter(CHAPTERS)


@pytest.mark.parametrize("count", COUNTS)
def test_a_chapter_without_a_record_is_in_one_shard(count):
    new = ROOT / "notebooks/concepts/not_recorded.ipynb"
    parts = cut(expected_seconds({*CHAPTERS, new}, ROOT), count)
    assert Counter(path for part in parts for path in part) == Counter({*CHAPTERS, new})


@pytest.mark.parametrize("count", COUNTS)
def test_no_shard_takes_much_longer_than_its_share(count):
    """The bound that the cut is proven to keep (Graham): share + longest * (1 - 1 / count)."""
    seconds = expected_seconds(CHAPTERS, ROOT)
    longest_shard = max(sum(map(seconds.__getitem__, part)) for part in cut(seconds, count))
    share, longest = sum(seconds.values()) / count, max(seconds.values())
    assert longest_shard <= share + longest * (1 - 1 / count) + 1e-6


def test_the_record_names_chapters_of_the_book():
    recorded = json.loads(RECORD.read_text())
    assert {ROOT / name for name in recorded} <= CHAPTERS


def book_in(folder: Path) -> SmallBook:
    folder.mkdir()
    book = SmallBook(folder)
    for name in ("first", "second", "third"):
        book.add(f"setup/{name}", SAYING.format(name))
    book.add("setup/fails", "1 / 0")
    return book


def executed(book: SmallBook) -> set[str]:
    return {path.parent.name for path in book.folder.glob("notebooks/setup/work/*/executed")}


def page_of(book: SmallBook, name: str) -> str:
    return (book.folder / f"_build/html/notebooks/setup/{name}.html").read_text()


def test_many_machines_execute_a_chapter_once(tmp_path):
    """Two execute a shard each, a third builds the site of what they hand over."""
    *machines, last = [book_in(tmp_path / name) for name in ("one", "two", "site")]
    shards = last.folder / "_build" / "shards"
    output = ""
    for n, machine in enumerate(machines, 1):
        result = machine.pytest("notebooks", "--shard", f"{n}/2", "-q")
        output += result.stdout
        handed = machine.folder / "_build" / ".jupyter_cache"
        shutil.copytree(handed, shards / f"shard-{n}")
    assert output.count("2 deselected") == 2, output
    assert output.count("1 failed, 1 passed") == output.count("2 passed") == 1, output
    one, two = map(executed, machines)
    assert one | two == {"first", "second", "third"}
    assert not one & two

    made = last.make("book", f"EXECUTED_IN={shards}")
    assert made.returncode != 0, "a book with a failed chapter was built as if it were whole"
    assert "1 failed, 4 passed" in made.stdout, made.stdout
    assert "no fresh outputs for notebooks/setup/fails: it failed" in made.stdout
    assert executed(last) == set(), "a chapter was executed again"
    for name in one | two:
        assert f"outputs of {name}\n" in page_of(last, name)
    assert "division by zero" in page_of(last, "fails")


def test_a_chapter_that_no_shard_executed_fails(tmp_path):
    book = SmallBook(tmp_path)
    book.add("setup/first", SAYING.format("first"))
    result = book.pytest("notebooks", "--executed-in", "nowhere", "-q")
    assert "no cache in nowhere holds its outputs" in result.stdout
    assert executed(book) == set(), "a chapter was executed again"


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/2/3"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="is no shard"):
        shard(text)
