"""Every section of the book runs on the set-up of its chapter and what its needs-line names."""

import pytest
from section_notebooks import notebook_of

from tests.guide import pointed
from tests.sections.book import CHAPTERS, chapter_of
from tests.sections.undefined import undefined_names

MOST_SETUP_CELLS = 2


@pytest.mark.parametrize("document", CHAPTERS)
def test_a_chapter_is_set_up_by_a_cell_or_two(document):
    cells = chapter_of(document).sections[0].visible_cells
    assert len(cells) <= MOST_SETUP_CELLS, pointed(f"{len(cells)} set-up cells")


@pytest.mark.parametrize("document", CHAPTERS)
def test_a_section_uses_what_is_defined_where_it_is_pasted(document, tmp_path):
    chapter = chapter_of(document)
    sections = {s.label or s.title: s for s in chapter.sections if s.visible_cells}
    alone = {name: notebook_of(chapter, section) for name, section in sections.items()}
    undefined = undefined_names(alone, tmp_path)
    assert undefined == {}, pointed("names that nothing before them defines")
