"""The extensions together, in a small book that Sphinx really builds, and builds again."""

import io
import textwrap

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.extensions.conftest import notebook

TOC = """\
format: jb-book
root: index
parts:
  - caption: Lists
    chapters: [{file: book/find/by-symptom}, {file: book/find/by-task}, {file: book/find/api-index}]
  - caption: Part one
    chapters: [{file: notebooks/one/first}]
"""
EXTENSIONS = ["myst_nb", "html_writer", "book_facts", "find_lists", "api_index", "code_links"]
PAGES = {"by-symptom": "symptom-list", "by-task": "task-list", "api-index": "api-index"}


class SmallSite:
    """A project with one chapter beside the three pages."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder.parent / "out" / "html"
        folder.mkdir()
        (folder / "_toc.yml").write_text(TOC)
        pages = "book/find/*\nnotebooks/one/first"
        (folder / "index.md").write_text(f"# Book\n\n```{{toctree}}\n:glob:\n{pages}\n```\n")
        (folder / "book/find").mkdir(parents=True)
        (folder / "notebooks/one").mkdir(parents=True)
        for name, directive in PAGES.items():
            text = f"# {name}\n\n```{{{directive}}}\n```\n"
            (folder / f"book/find/{name}.md").write_text(text)

    def write(self, *cells):
        source = notebook(*cells)
        source.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        for number, cell in enumerate(source.cells):
            cell["id"] = f"cell-{number}"
        nbformat.write(source, self.folder / "notebooks/one/first.ipynb")

    def build(self) -> str:
        """Build the site; returns Sphinx's warnings."""
        warnings = io.StringIO()
        settings = {"extensions": EXTENSIONS, "nb_execution_mode": "off", "language": "ko"}
        with docutils_namespace():
            Sphinx(
                self.folder, None, self.out, self.out.parent / "doctrees", "html",
                confoverrides=settings, status=None, warning=warnings,
            ).build()  # fmt: skip
        return warnings.getvalue()

    def page(self, name) -> BeautifulSoup:
        return BeautifulSoup((self.out / f"{name}.html").read_text(), "html.parser")


@pytest.fixture
def small(tmp_path):
    return SmallSite(tmp_path / "book")


def chapter(code: str, error: str = "Something `broke`"):
    return [
        ("# First\n\nA sentence.",),
        ("(first-task)=\n## Do it: log_param",),
        code,
        (textwrap.dedent(f"""\
            (first-errors)=
            ## 자주 만나는 오류

            (first-error)=
            ### {error}"""),),
        "raise ValueError('broken')",
    ]  # fmt: skip


def test_a_chapter_is_listed_linked_and_followed_when_it_changes(small):
    small.write(*chapter("# mlflow.set_tag\nmlflow.log_param('a', 'mlflow.log_text')"))
    assert small.build() == ""

    symptom = small.page("book/find/by-symptom").select(".find-list a")
    assert [(a.get_text(), a["href"]) for a in symptom] == [
        ("Something broke", "../../notebooks/one/first.html#first-error")
    ]
    assert symptom[0].find("code").get_text() == "broke"
    task = small.page("book/find/by-task").select(".find-list a")
    assert [a["href"] for a in task] == ["../../notebooks/one/first.html#first-task"]
    index = small.page("book/find/api-index")
    uses = index.find("li", id="mlflow.log_param").select(".api-uses a")
    assert [a.get_text() for a in uses] == ["First: Do it"]
    assert [a.parent.name for a in uses] == ["li"] and not uses[0].find()
    for unused in ("mlflow.set_tag", "mlflow.log_text", "MlflowClient.log_param"):
        assert index.find("li", id=unused).select(".api-unused"), unused
    links = small.page("notebooks/one/first").select("pre a")
    assert [(a.get_text(), a["href"]) for a in links] == [
        ("log_param", "../../book/find/api-index.html#mlflow.log_param")
    ]

    small.write(*chapter("mlflow.set_tag('a', 1)", error="Something else"))
    assert small.build() == ""
    index = small.page("book/find/api-index")
    assert index.find("li", id="mlflow.set_tag").select(".api-uses a")
    assert index.find("li", id="mlflow.log_param").select(".api-unused")
    assert "Something else" in small.page("book/find/by-symptom").get_text()


def test_a_heading_without_its_label_fails_the_build(small, monkeypatch):
    """A list is made of labels; one that no page has any more is a warning, so `-W` stops."""
    small.write(*chapter("mlflow.log_param('a', 1)"))
    import book_facts

    read = book_facts.read_chapter

    def misread(*arguments):
        found = read(*arguments)
        found.sections[1].label = "gone"
        return found

    monkeypatch.setattr(book_facts, "read_chapter", misread)
    assert "undefined label: 'gone'" in small.build()
