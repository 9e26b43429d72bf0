"""The built pages are complete: read as a reader gets them, not as their sources."""

import re

import pytest

from tests.chapters.contents import documents_of_the_book
from tests.conftest import ROOT
from tests.site.pages import article, problems_of_a_chapter, problems_of_a_page

DOCUMENTS = documents_of_the_book(ROOT)
CHAPTERS = [name for name in DOCUMENTS if name.startswith("notebooks/")]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_of_the_book_is_well_formed(pages, name):
    assert problems_of_a_page(pages[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_its_anatomy(pages, name):
    assert problems_of_a_chapter(pages[name]) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_offers_its_notebook_for_download(pages, name):
    page = pages[name]
    button = re.search(r'href="([^"]*_sources/[^"]*\.ipynb)"', page.read_text())
    assert button, "no download button"
    assert (page.parent / button[1]).is_file()


@pytest.mark.parametrize("name", CHAPTERS)
def test_checks_of_the_authors_are_not_on_the_page(pages, name):
    assert "remove-cell" not in article(pages[name]).decode()


GOOD_PAGE = """<html lang="{lang}"><article class="bd-article"><section id="page-top"><h1>T</h1>
<p>문장. A sentence.</p>{body}</section></article></html>"""
GOOD_BODY = """<section id="chapter-task"><h2>Task</h2><div class="cell_output">x</div></section>
<section id="chapter-errors"><h2>자주 만나는 오류</h2></section>
<section id="id3"><h2>함께 보기</h2></section>"""


@pytest.mark.parametrize(
    ("check", "change", "problem"),
    [
        (problems_of_a_page, ('lang="ko"', 'lang="en"'), "the language of the page is not ko"),
        (problems_of_a_page, ("<h1>T</h1>", ""), "0 titles, not one"),
        (problems_of_a_page, ("A sentence.", '<img src="a.png">'), "an image without alt text"),
        (problems_of_a_page, ("A sentence.", '<img src="a.webp" alt="a">'), "of unknown size"),
        (problems_of_a_page, ("A sentence.", '<img src="a.png" alt="a">'), "a PNG, not a WebP"),
        (problems_of_a_page, ("문장. A sentence.", "In other words"), "English without lang"),
        (problems_of_a_page, ("A sentence.", "\x1b[31mred"), "ANSI codes"),
        (problems_of_a_chapter, ("<p>문장. A sentence.</p>", ""), "no sentence under the title"),
        (problems_of_a_chapter, ("자주 만나는 오류", "기타"), "no section '자주 만나는 오류'"),
        (problems_of_a_chapter, ("함께 보기", "기타"), "the last section is not '함께 보기'"),
        (problems_of_a_chapter, ("cell_output", "cell_input"), "no output on the page"),
    ],
)
def test_a_bad_page_is_found(tmp_path, check, change, problem):
    page = tmp_path / "page.html"
    good = GOOD_PAGE.format(lang="ko", body=GOOD_BODY)
    page.write_text(good)
    assert problems_of_a_page(page) == problems_of_a_chapter(page) == []
    page.write_text(good.replace(*change))
    assert problem in "\n".join(check(page))
