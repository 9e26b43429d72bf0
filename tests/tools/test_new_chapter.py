"""A new chapter passes every gate but the one that asks for its content."""

import nbformat
import pytest
import yaml
from chapter_parser import questions_asked, read_chapter
from section_notebooks import notebook_of

from tests.chapter_plugin.gates import check_content, check_source
from tests.conftest import ROOT
from tests.guide import pointed
from tests.sections.book import CHAPTERS
from tests.sections.reader_code import faults_of
from tests.sections.test_asked import violations
from tests.sections.test_budget import over_budget
from tests.sections.undefined import undefined_names
from tools.new_chapter import UNTITLED, write

TOC = """\
format: jb-book
root: book/index
parts:
  - caption: Concepts # of MLflow
    chapters:
      - file: notebooks/concepts/run # the first
      - file: notebooks/concepts/model
  - caption: Setup
    chapters:
      - file: notebooks/setup/install
"""


@pytest.fixture
def book(tmp_path):
    """The root of a book of three chapters."""
    for name in ("concepts/run", "concepts/model", "setup/install"):
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        cell = nbformat.v4.new_markdown_cell(f"({path.stem}-errors)=\n## 자주 만나는 오류")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    return tmp_path


@pytest.mark.parametrize("part", ["concepts", "setup"])
def test_a_new_chapter_passes_the_gates_of_its_source(book, part):
    path = write(part, "model_alias", "별칭(Alias)", book)
    assert path == book / "notebooks" / part / "model_alias.ipynb"
    assert check_source(path, book) == []


def test_its_sections_are_as_those_of_the_book(book, tmp_path):
    document = "notebooks/concepts/model_alias"
    source = nbformat.read(write("concepts", "model_alias", "", book), as_version=4)
    chapter = read_chapter(source, document)
    assert chapter.title == UNTITLED
    assert [s.label for kind in ("recipe", "error") for s in chapter.of_kind(kind)] == [
        "model-alias-first",
        "model-alias-error-first",
    ]
    cells = [cell for section in chapter.sections for cell in section.visible_cells]
    assert [fault for cell in cells for fault in faults_of(cell.source)] == []
    assert over_budget(chapter) == {}
    books = {name: nbformat.read(path, as_version=4) for name, path in CHAPTERS.items()}
    assert violations(books | {document: source}) == []
    alone = {
        s.label: notebook_of(chapter, s) for s in chapter.sections if s.label and s.visible_cells
    }
    (folder := tmp_path / "alone").mkdir()
    assert len(alone) == 2 and undefined_names(alone, folder) == {}


def test_the_one_gate_that_fails_asks_for_the_content(book):
    path = write("concepts", "alias", "별칭(Alias)", book)
    problems = check_content(path)
    assert all(pointed(said).endswith("(guide: style-content)") for said in problems)
    assert {said.partition(": no content yet: ")[0] for said in problems} == {
        *(f"cell {n}" for n in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)),
        *("alias-first", "alias-error-first"),
    }
    source = nbformat.read(path, as_version=4)
    for cell in source.cells:
        cell.source = cell.source.replace("쓸 것: ", "").replace("to write: ", "")
        for questions in questions_asked(nbformat.v4.new_notebook(cells=[cell])).values():
            questions[:] = ["one", "two", "셋"]
    nbformat.write(source, path)
    assert check_content(path) == []


def test_it_is_listed_behind_the_last_chapter_of_its_part(book):
    write("concepts", "alias", "", book)
    text = (book / "_toc.yml").read_text()
    assert text.replace("      - file: notebooks/concepts/alias\n", "") == TOC
    concepts, _ = yaml.safe_load(text)["parts"]
    assert [entry["file"] for entry in concepts["chapters"]][-1] == "notebooks/concepts/alias"


@pytest.mark.parametrize(
    ("part", "name", "problem"),
    [
        ("concept", "alias", "no part 'concept': PART is one of concepts, setup"),
        ("concepts", "run", "concepts/run is there already"),
        ("concepts", "Alias", "'Alias' is no NAME"),
        ("concepts", "2nd", "'2nd' is no NAME"),
        ("concepts", "model-alias", "'model-alias' is no NAME"),
        ("concepts", "", "'' is no NAME"),
        ("setup", "run", r"another chapter has \(run-errors\)="),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_written(book, part, name, problem):
    before = {path: path.read_bytes() for path in book.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=problem):
        write(part, name, root=book)
    assert {path: path.read_bytes() for path in book.rglob("*") if path.is_file()} == before


def test_a_title_may_hold_what_json_escapes(book):
    path = write("setup", "quoted", 'A "title" \\ here', book)
    assert read_chapter(nbformat.read(path, as_version=4)).title == 'A "title" \\ here'
