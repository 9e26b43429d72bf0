"""Every built page: read as a reader gets it, and opened from its folder in a real browser."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT
from tests.guide import pointed
from tests.site.examination import Examiner
from tests.site.pages import problems_of_a_chapter, problems_of_a_page, problems_of_the_code
from tests.site.visits import PHONE, visit

DOCUMENTS = documents_of_the_book(ROOT)


@pytest.fixture(scope="session")
def examiner(browser):
    return Examiner(browser)


@pytest.mark.parametrize("name", [*DOCUMENTS, "search", "404"])
def test_a_page(examiner, site, name, subtests):
    page = site / f"{name}.html"
    found = examiner.examine(page.as_uri())
    if name in DOCUMENTS:
        soup = BeautifulSoup(page.read_text(), "html.parser")
        found["it is well-formed"] = problems_of_a_page(soup)
        if name.startswith("notebooks/"):
            found["a chapter has its anatomy"] = problems_of_a_chapter(soup, page.parent)
            found["its code is the notebook's"] = problems_of_the_code(soup, ROOT / f"{name}.ipynb")
    for check, problems in found.items():
        with subtests.test(check):
            assert [*map(pointed, problems)] == []


# Everything that a browser can find, on one page: every line of it is reported.
BAD_PAGE = """<html lang="ko"><head><title>x</title></head><body><main><h1>x</h1>
<script>undefined_name()</script>
<script src="heavy.js"></script>
<img src="http://127.0.0.1:9/x.png">
<p style="width: 2000px">wide</p>
<pre style="overflow: auto; width: 9rem">a long line of code</pre>
<table style="width: 900px"><tr><td>x</table>
<nav>x</nav>
<p style="color: #aaa">hardly seen</p>
<p class="dim">dim at night</p>
<p>A <a href="#" style="all: unset; color: #333">link</a> like text.</p>
<div class="highlight"><pre><span style="color: #aaa">pale</span></pre></div>
<button></button>
<h4>x</h4>
<article><button class="phone"></button></article>
<style>
.phone { display: none }
@media (width < 600px) { .phone { display: block } }
@media (prefers-color-scheme: dark) { body { background: #000; color: #fff } .dim { color: #333 } }
</style></main></body></html>"""


@pytest.fixture(scope="module")
def problems_of_a_bad_page(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "page.html").write_text(BAD_PAGE)
    # Digits of a number nobody can compress.
    (folder / "heavy.js").write_text(f"// {pow(7, 700_000, 10**500_000):x}")
    return Examiner(browser).examine((folder / "page.html").as_uri())


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("it opens cleanly", "360: JavaScript error: undefined_name is not defined"),
        ("it opens cleanly", "1366: a request leaves the site: http://127.0.0.1:9"),
        ("it is light", "360: "),
        ("it fits the screen", "360: scrolls sideways"),
        ("it fits the screen", "1366: scrolls sideways"),
        ("it prints whole", "cut off: pre: a long line"),
        ("it prints whole", "cut off: table"),
        ("it prints whole", "of no use on paper: nav"),
        ("it has contrast", "360, light: color-contrast: <p style"),
        ("it has contrast", '1366, dark: color-contrast: <p class="dim"'),
        ("it has contrast", "light: link-in-text-block"),
        ("it has contrast", "light: color-contrast: <span style"),
        ("it is accessible", "1366: button-name: <button></button>"),
        ("it is accessible", '360: button-name: <button class="phone"'),
        ("it is accessible", "heading-order"),
        ("it is accessible", "360: scrollable-region"),
        ("it is accessible", "1366: scrollable-region"),
        ("it is accessible", "image-alt"),
    ],
)
def test_a_bad_page_is_found(problems_of_a_bad_page, check, problem):
    assert problem in "\n".join(problems_of_a_bad_page[check])


def test_a_good_page_has_no_problems(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        '<html lang="ko"><head><title>x</title></head><body><main><h1>x</h1></main></body></html>'
    )
    found = Examiner(browser).examine((tmp_path / "page.html").as_uri())
    assert len(found) == 6 and set(map(tuple, found.values())) == {()}


def test_a_page_that_moves_is_found(browser, tmp_path):
    (tmp_path / "page.html").write_text("<h1>x</h1><p>some text</p>")
    with visit(browser, (tmp_path / "page.html").as_uri(), PHONE) as visited:
        visited.page.wait_for_function("seen.paint > 0")
        visited.page.evaluate("document.querySelector('h1').style.marginTop = '400px'")
        visited.page.wait_for_function("seen.shift > 0")
        assert "content moves while the page loads" in "\n".join(visited.problems())


def test_a_colour_is_judged_once_and_another_style_sheet_makes_it_another(browser, tmp_path):
    page, examiner = tmp_path / "page.html", Examiner(browser)

    def problems(style: str) -> list[str]:
        page.write_text(f"<style>{style}</style><p>text</p>")
        return examiner.examine(page.as_uri())["it has contrast"]

    assert problems("p { color: #000 }") == []
    assert len(problems("p { color: #aaa }")) == 4
    assert problems("p { color: #aaa }") == []


# From its dark colours on the tab draws nothing, and no time passes there.
NO_FRAMES_IN_THE_DARK = """
const dark = matchMedia("(prefers-color-scheme: dark)"), frame = requestAnimationFrame
const timer = setTimeout
requestAnimationFrame = (done) => dark.matches ? 0 : frame(done)
setTimeout = (done, after) => dark.matches ? done() : timer(done, after)
"""


def test_a_page_whose_tab_draws_nothing_any_more_is_examined_in_another(browser, tmp_path):
    (tmp_path / "page.html").write_text("<style>p { color: #aaa }</style><p>text</p>")
    examiner = Examiner(browser)
    stuck = examiner.visit.page
    stuck.add_init_script(NO_FRAMES_IN_THE_DARK)
    found = examiner.examine((tmp_path / "page.html").as_uri())
    assert len(found["it has contrast"]) == 4
    assert stuck.is_closed() and not examiner.visit.page.is_closed()


GOOD_PAGE = """<html lang="{lang}"><a href="_sources/page.ipynb">x</a><article class="bd-article">
<section id="page-top"><h1>T</h1><p>문장. A sentence.</p>
{answers}{body}</section></article></html>"""
ANSWER = '<tr><td><a href="#chapter-task">Task</a></td><td>log_param</td></tr>'
ANSWERS = f'<table class="answers"><tbody>{5 * ANSWER}</tbody></table>'
GOOD_BODY = """<section id="chapter-task"><h2>Task</h2>
<div class="cell_input"><pre>mlflow.<a href="api-index.html#x">log_param</a></pre></div>
<div class="cell_output">x</div></section>
<section id="chapter-errors"><h2>자주 만나는 오류</h2></section>
<section id="id3"><h2>함께 보기</h2></section>"""
CODE = "mlflow.log_param"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('lang="ko"', 'lang="en"'), "the language of the page is not ko"),
        (("<h1>T</h1>", "<h1>T</h1><h1>T</h1>"), "2 titles, not one"),
        (("A sentence.", '<img src="a.png">'), "an image without alt text"),
        (("A sentence.", '<img src="a.webp" alt="a">'), "of unknown size"),
        (("A sentence.", '<img src="a.png" alt="a">'), "a PNG, not a WebP"),
        (("문장. A sentence.", "In other words"), "English without lang"),
        (("A sentence.", "\x1b[31mred"), "ANSI codes"),
        (("<p>문장. A sentence.</p>", ""), "no sentence under the title"),
        (("자주 만나는 오류", "기타"), "no section '자주 만나는 오류'"),
        (("함께 보기", "기타"), "the last section is not '함께 보기'"),
        (("cell_output", "cell_hidden"), "no output on the page"),
        (("A sentence.", "tags: remove-cell"), "checks of the authors are on the page"),
        (("_sources/page.ipynb", "page.ipynb"), "no download button"),
        (("page.ipynb", "gone.ipynb"), "nothing to download: _sources/gone.ipynb"),
        ((ANSWERS, ""), "0 answers under the title, not 5 to 8"),
        ((ANSWERS, '<div class="cell">x</div>' + ANSWERS), "0 answers under the title, not 5 to 8"),
        ((5 * ANSWER, 9 * ANSWER), "9 answers under the title, not 5 to 8"),
        ((5 * ANSWER, 4 * ANSWER + ANSWER.replace("#", "x.html#")), "without a link to its sec"),
        (("mlflow.<a", "mlflow..<a"), f"not on the page: {CODE}"),
        (("api-index.html", "gone.html"), "no name in the code leads to the API index"),
    ],
)
def test_a_bad_text_is_found(tmp_path, change, problem):
    notebook = tmp_path / "_sources" / "page.ipynb"
    notebook.parent.mkdir()
    cells = [new_markdown_cell("# T\n\n(chapter-task)=\n## Task"), new_code_cell(CODE)]
    nbformat.write(new_notebook(cells=cells), notebook)

    def problems(html: str) -> list[str]:
        soup = BeautifulSoup(html, "html.parser")
        of_chapter = problems_of_a_chapter(soup, tmp_path) + problems_of_the_code(soup, notebook)
        return problems_of_a_page(soup) + of_chapter

    good = GOOD_PAGE.format(lang="ko", answers=ANSWERS, body=GOOD_BODY)
    assert problems(good) == []
    found = problems(good.replace(*change))
    assert problem in "\n".join(found)
    assert [said for said in found if "(guide: style-" not in pointed(said)] == []


def test_set_up_that_is_not_folded_is_found(tmp_path):
    cells = [new_code_cell(CODE), new_code_cell(CODE, metadata={"tags": ["hide-input"]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "page.ipynb")
    soup = BeautifulSoup(GOOD_BODY, "html.parser")
    problems = problems_of_the_code(soup, tmp_path / "page.ipynb")
    assert problems == [f"set-up that is not folded: {CODE}"]


def test_a_check_in_the_download_is_found(tmp_path):
    (tmp_path / "_sources").mkdir()
    check = new_code_cell("assert True", metadata={"tags": ["remove-cell"]})
    nbformat.write(new_notebook(cells=[check]), tmp_path / "_sources" / "page.ipynb")
    soup = BeautifulSoup(
        GOOD_PAGE.format(lang="ko", answers=ANSWERS, body=GOOD_BODY), "html.parser"
    )
    problems = problems_of_a_chapter(soup, tmp_path)
    assert problems == ["checks of the authors are in the download"]
