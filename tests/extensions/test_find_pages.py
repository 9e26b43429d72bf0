"""The built pages of book/find list everything of the chapters once, and nothing else."""

import gzip
from collections import Counter
from functools import cache

import pytest
from api_index import anchor
from bs4 import BeautifulSoup
from chapter_parser import is_hidden, read_chapter, read_source
from name_uses import ChapterReader
from table_of_contents import notebooks

from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("find-pages")  # what they read is read once
FEWEST_SYMPTOMS = 180  # what the chapters of today reach
HEAVIEST = 200_000  # bytes of a page with its own files, compressed


@pytest.fixture(scope="module")
def chapters():
    return {doc: read_chapter(read_source(path), doc) for doc, path, _ in notebooks(ROOT)}


@pytest.fixture(scope="module")
def article(pages):
    @cache
    def read(name):
        page = BeautifulSoup(pages[f"book/find/{name}"].read_text(), "html.parser")
        return page.select_one("article.bd-article")

    return read


@pytest.fixture(scope="module")
def lines(article):
    """The lines of the API index by their anchors."""
    return {line["id"]: line for line in article("api-index").select("li[id]")}


def targets(links) -> Counter:
    """How often each anchor of a chapter is linked to."""
    found = (link["href"].removeprefix("../../").partition(".html#") for link in links)
    return Counter((document, label) for document, _, label in found)


@pytest.mark.parametrize(("page", "kind"), [("by-symptom", "error"), ("by-task", "recipe")])
def test_each_labelled_heading_is_listed_once(article, chapters, page, kind, capsys):
    listed = targets(article(page).select(".find-list > li > p > a"))
    written = Counter(
        (document, section.label)
        for document, chapter in chapters.items()
        for section in chapter.of_kind(kind)
    )
    assert listed == written
    count = article(page).select_one(".find-count").get_text()
    with capsys.disabled():
        print(f"\n{page}: {count}", end="")
    assert count.endswith(f" {len(listed)}개")


def test_there_are_enough_symptoms(article):
    assert len(article("by-symptom").select(".find-list > li")) >= FEWEST_SYMPTOMS


def test_a_live_message_is_there_where_its_heading_is_shortened(article):
    symptoms = article("by-symptom")
    line = symptoms.select_one('a[href$="#run-error-already-active"]').find_parent("li")
    message = line.select_one(".find-message")
    assert message.has_attr("hidden") and "with UUID" in message.get_text()
    for message in symptoms.select(".find-message"):
        title = message.find_parent("li").select_one("p").get_text()
        assert message.get_text().strip() not in title


def test_every_name_has_a_line_with_its_official_page(article, lines, names, capsys):
    index = article("api-index")
    for kind, entries in names.items():
        for entry in entries:
            line = lines[anchor(kind, entry.name)]
            assert line.find("code").get_text().endswith(entry.name)
            assert line.find("a", string=["공식", "소스"])["href"] == entry.url
    sentences = [section.find("p").get_text() for section in index.select("section.find-group")]
    with capsys.disabled():
        print("\napi-index:", *sentences, sep="\n  ", end="")
    assert len(index.select(".api-list > li")) == len(lines) == sum(map(len, names.values()))


def test_uses_of_a_chapter_are_linked_or_counted(lines, names, chapters):
    """Each name of one chapter leads to it; a name that no chapter uses says so."""
    linked = {name: [a["href"] for a in line.select(".api-uses a")] for name, line in lines.items()}
    for document, chapter in chapters.items():
        reader = ChapterReader(names)
        used = {
            (use.kind, use.name)
            for section in chapter.sections
            for cell in section.cells
            for use in reader.uses(cell.source)
            if not is_hidden(cell)
        }
        for kind, name in used:
            links = linked[anchor(kind, name)]
            assert any(f"/{document}.html" in link for link in links), (name, document)
    for name, line in lines.items():
        assert bool(linked[name]) != bool(line.select(".api-unused"))


def test_a_recipe_that_names_the_call_comes_first(lines):
    uses = lines["mlflow.log_params"].select(".api-uses a")
    assert uses[0]["href"].endswith("#run-params")


@pytest.mark.parametrize("name", ["by-symptom", "by-task", "api-index"])
def test_a_page_is_light(pages, site, name, capsys):
    own = [pages[f"book/find/{name}"], *sorted((site / "_static").glob("find.*"))]
    weight = sum(len(gzip.compress(path.read_bytes())) for path in own)
    with capsys.disabled():
        print(f"\n{name}: {weight / 1000:.1f} kB with its script and style", end="")
    assert weight <= HEAVIEST
