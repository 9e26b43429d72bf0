"""Every section says how it is asked for, in words that it lacks, and no two claim one question."""

import re
from collections import defaultdict

import nbformat
import pytest
from chapter_parser import Chapter, questions_asked, read_chapter, read_source
from nbformat.v4 import new_markdown_cell, new_notebook
from table_of_contents import notebooks

from tests.conftest import ROOT
from tests.guide import pointed

FEWEST, MOST = 3, 8
_ADDRESS = re.compile(r"\]\{#([a-z0-9-]+)\}")  # of a row of a table
_HANGUL = re.compile("[가-힣]")


def addresses(chapter: Chapter, notebook: nbformat.NotebookNode) -> set[str]:
    """Labels of the recipes and errors of a chapter, and of its rows."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    found = {s.label for kind in ("recipe", "error") for s in chapter.of_kind(kind) if s.label}
    return found | {*_ADDRESS.findall(text)}


def violations(books: dict[str, nbformat.NotebookNode]) -> list[str]:
    """What is wrong with the questions of chapters, by document: one line per problem."""
    found, claimed = [], defaultdict(set)
    for document, notebook in books.items():
        asked = questions_asked(notebook)
        wanted = addresses(read_chapter(notebook, document), notebook)
        found += [
            f"{document}: {label} is no section and no row" for label in asked.keys() - wanted
        ]
        for label in sorted(wanted):
            questions = asked.get(label, [])
            if not FEWEST <= len(questions) <= MOST:
                found.append(
                    f"{label}: {len(questions)} questions, {FEWEST} to {MOST} are asked for"
                )
            elif len({bool(_HANGUL.search(question)) for question in questions}) < 2:
                found.append(f"{label}: asked for in Korean and in English")
            for question in questions:
                claimed[" ".join(sorted(re.findall(r"\w+", question.lower())))].add(label)
    twice = [labels for labels in claimed.values() if len(labels) > 1]
    found += [f"{', '.join(sorted(labels))}: the same question" for labels in twice]
    return [*map(pointed, found)]


def test_every_section_says_how_it_is_asked_for():
    books = {document: read_source(path) for document, path, _ in notebooks(ROOT)}
    assert violations(books) == []


GOOD = ["remove an attempt", "학습 기록 없애기", "get rid of a bad training"]


def book(asked: dict[str, list[str]]) -> dict[str, nbformat.NotebookNode]:
    text = "(run-delete)=\n## Delete\n\n| [Undo]{#run-undo} | x |\n|---|---|\n| a | b |"
    cell = new_markdown_cell(text, metadata={"handbook": {"asked": asked}})
    return {"notebooks/concepts/run": new_notebook(cells=[new_markdown_cell("# Run"), cell])}


@pytest.mark.parametrize(
    "asked, problem",
    [
        ({}, "run-delete: 0 questions"),
        ({"run-delete": GOOD}, "run-undo: 0 questions"),
        ({"run-delete": [*GOOD, *"abcdef"]}, "run-delete: 9 questions"),
        ({"run-delete": ["a", "b", "c"]}, "run-delete: asked for in Korean and in English"),
        ({"run-delte": GOOD}, "run-delte is no section"),
        ({"run-delete": GOOD, "run-undo": GOOD}, "run-delete, run-undo: the same question"),
    ],
)
def test_a_violation_is_named(asked, problem):
    assert problem in "\n".join(violations(book(asked)))


def test_a_good_book_has_none():
    other = ["bring it back", "되돌리기", "undo a mistake"]
    assert violations(book({"run-delete": GOOD, "run-undo": other})) == []
