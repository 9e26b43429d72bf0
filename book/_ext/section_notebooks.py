"""A section of a chapter as a notebook of its own: what its code needs in an empty notebook.

That is the chapter's set-up, which is the cells above its first heading, then the sections that its
needs-line names and what those need, then its own cells.
"""

from chapter_parser import Chapter, Section
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def needed_sections(chapter: Chapter, section: Section) -> list[Section]:
    """What runs before a section, needs of needs included, in reading order.

    Raises ValueError for a label of no section with code before this one in the chapter.
    """
    place = chapter.sections.index(section)
    before = {s.label: s for s in chapter.sections[:place] if s.label and s.visible_cells}
    found: set[str | None] = set()
    for label in section.needs:
        if label not in before:
            raise ValueError(f"{section.label} needs {label}, no section with code before it")
        found |= {label, *(s.label for s in needed_sections(chapter, before[label]))}
    return [s for label, s in before.items() if label in found]


def notebook_of(chapter: Chapter, section: Section) -> NotebookNode:
    """The cells that a reader runs. Of the sections before, what only shows an error is left out.

    Raises ValueError as `needed_sections` does.
    """
    before = [
        cell
        for needed in needed_sections(chapter, section)
        for cell in needed.visible_cells
        if "raises-exception" not in cell.metadata.get("tags", [])
    ]
    cells = [*chapter.sections[0].visible_cells, *before, *section.visible_cells]
    return new_notebook(
        cells=[
            new_markdown_cell(f"## {section.title}"),
            *(new_code_cell(cell.source, metadata=dict(cell.metadata)) for cell in cells),
        ],
        metadata={"kernelspec": KERNEL},
    )
