"""A section of a chapter becomes a notebook of its own."""

import pytest
from chapter_parser import read_chapter
from section_notebooks import needed_sections, notebook_of

from tests.extensions.conftest import notebook
from tests.sections.undefined import undefined_names


@pytest.fixture
def source():
    return notebook(
        ("# Title",),
        "import os",
        ("(a-start)=\n## 준비: 서버 띄우기",),
        "server = os.name",
        "1 / 0",
        "hidden = 1",
        ("(a-run)=\n## Run\n\n{.needs}\n먼저 실행: {ref}`서버 띄우기 <a-start>`\n\nWhat for.",),
        "run = server",
        ("(a-other)=\n## Other\n\n{.needs}\n먼저 실행: {ref}`a-run`",),
        "print(run, hidden)",
        ("(a-alone)=\n## Alone\n\n{ref}`a-run` is something else.",),
        "print(os.name)",
    )


@pytest.fixture
def chapter(source):
    source.cells[4].metadata["tags"] = ["raises-exception"]
    source.cells[5].metadata["tags"] = ["remove-cell"]
    return read_chapter(source)


def section(chapter, label):
    return next(s for s in chapter.sections if s.label == label)


def code(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_a_section_alone_is_the_set_up_and_its_cells(chapter):
    assert code(notebook_of(chapter, section(chapter, "a-alone"))) == [
        "import os",
        "print(os.name)",
    ]


def test_what_the_needs_of_a_section_need_is_there_too(chapter):
    other = section(chapter, "a-other")
    assert [s.label for s in needed_sections(chapter, other)] == ["a-start", "a-run"]
    # Neither what only shows an error nor the checks of the authors.
    assert code(notebook_of(chapter, other)) == [
        "import os",
        "server = os.name",
        "run = server",
        "print(run, hidden)",
    ]


def test_a_section_shows_its_own_errors(chapter):
    assert "1 / 0" in code(notebook_of(chapter, section(chapter, "a-start")))


@pytest.mark.parametrize("label", ["a-alone", "nowhere"])
def test_what_does_not_stand_before_it_cannot_be_needed(chapter, label):
    other = section(chapter, "a-other")
    other.needs = [label]
    with pytest.raises(ValueError, match=f"a-other needs {label}"):
        needed_sections(chapter, other)


def test_a_name_of_a_hidden_cell_is_undefined(chapter, tmp_path):
    notebooks = {s.label: notebook_of(chapter, s) for s in chapter.sections if s.visible_cells}
    assert undefined_names(notebooks, tmp_path) == {"a-other": ["hidden"]}


def test_a_name_of_another_section_is_undefined_without_the_need(chapter, tmp_path):
    run = section(chapter, "a-run")
    run.needs = []
    assert undefined_names({"run": notebook_of(chapter, run)}, tmp_path) == {"run": ["server"]}
