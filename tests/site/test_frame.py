"""The frame of a page, and what the extensions make of a text: on a small book of two pages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from tests.conftest import ROOT

THEME = ROOT / "book" / "_theme" / "handbook"
BRIGHTNESS = ("light", "dark")
HERE = "여기를 가리키는 링크"
FIRST = """# 첫 장

In other words, this sentence is English.

[Search the runs](https://example.com/runs) 로 찾는다. `code in English only` 도 있다.

![점 하나](dot.png)

![선 하나](line.svg)
"""
SECOND = """# Second Chapter

## 절: names

|  | 값 |
|---|---|
| a | 1 |

```console
$ mlflow server
```

```{symptom-list}
```
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><path d="M0 0h9"/></svg>'
TOC = """format: jb-book
root: first
parts: [{caption: Last Part, chapters: [{file: second}]}]
"""


def build(folder: Path) -> None:
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", ".", "--warningiserror"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def publish_at(address: str, folder: Path) -> None:
    """Configure the book in this folder as ours, with this public address."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["repository"]["url"] = address
    (folder / "_config.yml").write_text(yaml.safe_dump(config))


def tools_of(book: Path, name: str) -> dict[str, str]:
    """The addresses that the tools of a page lead to, by their label."""
    tools = page_of(book, name).select(".tools .tool")
    return {str(tool["aria-label"]): str(tool.get("href", "")) for tool in tools}


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A book without a public address, built, and the tools of its first page."""
    folder = tmp_path_factory.mktemp("frame")
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("*.md"))
    publish_at("", folder)
    (folder / "_toc.yml").write_text(TOC)
    (folder / "first.md").write_text(FIRST)
    (folder / "second.md").write_text(SECOND)
    (folder / "line.svg").write_text(SVG)
    Image.new("RGBA", (30, 20), "red").save(folder / "dot.png")
    build(folder)
    return folder, tools_of(folder, "first")


@pytest.fixture(scope="module")
def book(private):
    """The same book, built again with the address of a public repository."""
    folder, _ = private
    publish_at("https://github.com/someone/book", folder)
    build(folder)
    return folder


@pytest.fixture
def first(book):
    return page_of(book, "first")


@pytest.fixture
def second(book):
    return page_of(book, "second")


def page_of(book: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((book / "_build" / "html" / f"{name}.html").read_text(), "html.parser")


def test_a_public_repository_brings_its_tools(book, private):
    tools = tools_of(book, "first")
    assert tools["저장소"] == "https://github.com/someone/book"
    assert "/edit/main/first.md" in tools["이 페이지 고치기"]
    assert "/issues/new" in tools["이 페이지의 문제 알리기"]
    _, without_address = private
    needing_it = {"저장소", "이 페이지 고치기", "이 페이지의 문제 알리기"}
    assert set(tools) - set(without_address) == needing_it
    assert "이 페이지의 원문 내려받기" in without_address


def test_pictures_become_small_and_have_their_size(first, book):
    dot, line = first.select("article img")
    assert (dot["width"], dot["height"], dot["loading"]) == ("30", "20", "lazy")
    assert (line["width"], line["height"], line["loading"]) == ("120", "40", "lazy")
    assert dot["src"].endswith(".webp") and dot["alt"] == "점 하나"
    with Image.open(book / "_build" / "html" / dot["src"]) as picture:
        assert picture.convert("RGBA").getpixel((5, 5)) == (255, 0, 0, 255)
    assert not list((book / "_build" / "html" / "_images").glob("*.png"))


def test_english_is_marked_and_korean_and_code_are_not(first, second):
    marked = [element.get_text() for element in first.select("article [lang=en]")]
    assert marked == ["In other words, this sentence is English.", "Search the runs"]
    assert [e.get_text() for e in first.select("#book-contents [lang=en]")] == [
        "Last Part",
        "Second Chapter",
    ]
    assert second.select_one("h1")["lang"] == "en"


def test_a_table_is_told_whole_and_its_empty_cell_heads_nothing(second):
    assert [cell.get_text() for cell in second.select("th")] == ["값"]
    assert second.select(".wide-table > table > tfoot:last-child")


def test_a_heading_is_listed_and_its_link_has_a_name(second):
    assert [link.get_text() for link in second.select("#page-contents a")] == ["절"]
    link = second.select_one("h2 > .headerlink")
    assert link["href"] == "#names" and link["aria-label"] == link["title"] == HERE


def test_the_open_page_is_marked_in_the_contents_of_the_book(second):
    (link,) = second.select("#book-contents [aria-current=page]")
    assert link.get_text() == "Second Chapter"


def test_a_page_loads_what_it_uses(book, first, second):
    def loaded(page):
        scripts = page.select("script[src]")
        return {Path(script["src"].partition("?")[0]).name for script in scripts}

    frame = {"handbook.js", "open.js"}
    assert loaded(first) == frame
    assert loaded(second) == frame | {"find.js"}
    published = (book / "_build" / "html" / "_static").glob("*.js")
    assert {file.name for file in published} == frame - {"open.js"} | {"find.js", "translations.js"}


def test_a_page_holds_the_styles_it_uses(first, second):
    def held(page):
        styles = [style.get_text().strip() for style in page.select("head > style")]
        return {file.name for file in THEME.glob("*.css") if file.read_text().strip() in styles}

    assert held(first) == {"handbook.css"}
    assert held(second) == {"handbook.css", "find.css"}
    for page in (first, second):
        assert not page.select("link[rel=stylesheet]")
        highlighting = page.select_one("head > style").get_text()
        assert all(f'[data-theme="{each}"] .highlight .k ' in highlighting for each in BRIGHTNESS)


def test_an_edit_of_the_theme_reaches_the_pages(book):
    before = str(page_of(book, "first").head)
    theme = book / THEME.relative_to(ROOT)
    for file in (theme / "handbook.css", theme / "static" / "handbook.js"):
        file.write_text(file.read_text() + "/* edited */")
    build(book)
    published = book / "_build" / "html" / "_static" / "handbook.js"
    assert "/* edited */" in published.read_text()
    head = str(page_of(book, "first").head)
    assert head != before and "/* edited */" in head
