"""Chapters are read as recipes and errors."""

import pytest
from chapter_parser import headings, read_chapter

from tests.extensions.conftest import notebook


def test_headings_become_recipes_and_errors_with_their_cells():
    chapter = read_chapter(
        notebook(
            ("# Title\n\nWhat it is for.",),
            "setup",
            ("(a-recipe)=\n## Recipe",),
            "code",
            ("(a-part)=\n\n### Part of it\n\ntext\n\n(a-errors)=\n## 자주 만나는 오류",),
            ("(a-error)=\n### `Some message`",),
            "failing",
            ("(a-see)=\n## 함께 보기",),
        )
    )
    assert chapter.title == "Title"
    assert [(s.kind, s.level, s.label, s.title) for s in chapter.sections] == [
        ("other", 1, None, "Title"),
        ("recipe", 2, "a-recipe", "Recipe"),
        ("recipe", 3, "a-part", "Part of it"),
        ("other", 2, "a-errors", "자주 만나는 오류"),
        ("error", 3, "a-error", "`Some message`"),
        ("other", 2, "a-see", "함께 보기"),
    ]
    cells = [[cell.source for cell in section.cells] for section in chapter.sections]
    assert cells == [["setup"], ["code"], [], [], ["failing"], []]


def test_headings_in_fenced_code_are_none():
    fenced = "(a)=\n## One\n\n````\n```\n(b)=\n## Two\n```\n````\n\n(c)=\n## Three"
    assert [s.label for s in read_chapter(notebook((fenced,))).of_kind("recipe")] == ["a", "c"]


@pytest.mark.parametrize(
    "text",
    [
        "~~~\n## In code\n~~~",
        "~~~\n```\n~~~\n\n    ## Indented code",
        "```{note}\n## In a directive\n```",
        "````{note}\n```\n## In a directive with code\n```\n````",
        ":::{admonition} 주의\n## In a box\n:::",
        "<!--\n## In a comment\n-->",
        "1. An item\n\n   ## In a list",
        "####### Seven",
        "#Tag",
    ],
)
def test_what_only_looks_like_a_heading_is_none(text):
    assert [*headings(f"{text}\n\n(a)=\n## Title")] == [(2, "Title", "a")]


def test_headings_are_found_however_they_are_written():
    text = "(a)=\n## Closed ##\n\n(b)=\n   ### Shifted\n\n(c)=\nUnderlined\n---\n\n(D)=\n## Capital"
    assert [*headings(text)] == [
        (2, "Closed", "a"),
        (3, "Shifted", "b"),
        (2, "Underlined", "c"),
        (2, "Capital", None),
    ]


def test_a_label_belongs_to_the_next_line_only():
    chapter = read_chapter(notebook(("(a)=\n\ntext\n\n## One\n\n## Two",)))
    assert chapter.of_kind("recipe") == []


def test_checks_of_the_authors_are_not_visible():
    source = notebook(("## One",), "shown", "assert True")
    source.cells[2].metadata["tags"] = ["remove-cell"]
    section = read_chapter(source).sections[-1]
    assert [cell.source for cell in section.visible_cells] == ["shown"]
    assert len(section.cells) == 2
