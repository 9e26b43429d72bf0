"""A page does one job: so much code and so many recipes, and no more. Older pages shrink."""

import json
from pathlib import Path

import pytest
from chapter_parser import Chapter, read_chapter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.guide import pointed
from tests.sections.book import CHAPTERS, chapter_of

BUDGET = {"visible cells": 60, "recipes": 25}
OVER = json.loads(Path(__file__).with_name("over_budget.json").read_text())


def over_budget(chapter: Chapter) -> dict[str, int]:
    """What the page has too much of, and how much it has."""
    counted = {
        "visible cells": sum(len(section.visible_cells) for section in chapter.sections),
        "recipes": len(chapter.of_kind("recipe")),
    }
    return {name: count for name, count in counted.items() if count > BUDGET[name]}


@pytest.mark.parametrize("document", CHAPTERS)
def test_a_page_does_one_job(document):
    assert over_budget(chapter_of(document)) == OVER.get(document, {}), pointed(
        "less? then lower over_budget.json"
    )


def test_what_is_over_is_a_chapter():
    assert OVER.keys() <= CHAPTERS.keys()


def test_what_is_too_much_is_counted():
    hidden = new_code_cell("assert True", metadata={"tags": ["remove-cell"]})
    recipes = [new_markdown_cell(f"(a-{n})=\n## Task {n}") for n in range(26)]
    cells = [hidden, *(new_code_cell("1") for _ in range(60))]
    assert over_budget(read_chapter(new_notebook(cells=[*recipes, *cells]))) == {"recipes": 26}
    cells.append(new_code_cell("2"))
    assert over_budget(read_chapter(new_notebook(cells=cells))) == {"visible cells": 61}
