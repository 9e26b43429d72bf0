"""A chapter of the book as sections, recipes and errors: read from its notebook."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from nbformat import NotebookNode

# The headings that every chapter has: above its errors, and above its links.
ERRORS = "자주 만나는 오류"
SEE_ALSO = "함께 보기"
# The title of a section that other sections need begins with this; it is no recipe.
PREPARATION = "준비: "

_LABEL = re.compile(r"[a-z0-9-]+")
# The blocks of a text alone: what is written in its paragraphs is not looked at.
_BLOCKS = MarkdownIt("commonmark").use(myst_block_plugin).use(colon_fence_plugin)
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])
# The line of a section that names what has to run before it, with links to other sections.
_NEEDS = re.compile(r"(?m)^\{\.needs\}\n(.+)$")
_REFERENCE = re.compile(r"\{ref\}`(?:[^`<]*<)?([a-z0-9-]+)>?`")


@dataclass
class Section:
    """A heading of a chapter with the code cells below it, up to the next heading.

    `title` is Markdown. What stands before the first `##` is the section of level 1.
    """

    title: str
    level: int
    label: str | None
    kind: str  # "recipe", "error", or "other": the preface, preparations, fixed headings
    cells: list[NotebookNode] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)  # labels of sections that run before it

    @property
    def visible_cells(self) -> list[NotebookNode]:
        """The cells that are on the page: without the authors' checks."""
        return [cell for cell in self.cells if not is_hidden(cell)]


@dataclass
class Chapter:
    """A notebook of the book. `document` is its name in _toc.yml."""

    document: str
    part: str
    title: str
    sections: list[Section]

    def of_kind(self, kind: str) -> list[Section]:
        """The sections of a kind ("recipe" or "error"), in reading order."""
        return [section for section in self.sections if section.kind == kind]


def read_chapter(notebook: NotebookNode, document: str = "", part: str = "") -> Chapter:
    """The sections of a notebook, whether it was executed or not."""
    sections = [Section("", 1, None, "other")]
    under = ""  # title of the last ##
    for cell in notebook.cells:
        if cell.cell_type == "code":
            sections[-1].cells.append(cell)
        elif cell.cell_type == "markdown":
            for level, title, label in headings(cell.source):
                if level == 1:
                    sections[0].title = title
                    continue
                under = title if level == 2 else under
                sections.append(Section(title, level, label, _kind(level, title, label, under)))
            for line in _NEEDS.findall(cell.source):
                sections[-1].needs += _REFERENCE.findall(line)
    return Chapter(document, part, sections[0].title, sections)


def questions_asked(notebook: NotebookNode) -> dict[str, list[str]]:
    """By label, how people ask for a section, or a row of a table, who do not know its words.

    They stand in the metadata of the heading's cell: `"handbook": {"asked": {label: [...]}}`.
    """
    asked = [cell.metadata.get("handbook", {}).get("asked", {}) for cell in notebook.cells]
    return {label: questions for of_cell in asked for label, questions in of_cell.items()}


def headings(markdown: str) -> Iterator[tuple[int, str, str | None]]:
    """Level, title and label of each heading of the first three levels, as MyST reads the text.

    What is written like a heading within code, a directive, a list or a comment is none. A label
    stands right before its heading; one with other letters than ours counts as none.
    """
    tokens = _BLOCKS.parse(markdown)
    for before, opening, title in zip([None, *tokens], tokens, tokens[1:], strict=False):
        if opening.type == "heading_open" and opening.level == 0 and opening.tag <= "h3":
            label = before.content if before and before.type == "myst_target" else ""
            yield int(opening.tag[1]), title.content, label if _LABEL.fullmatch(label) else None


def _kind(level: int, title: str, label: str | None, under: str) -> str:
    if label is None or under == SEE_ALSO or title == ERRORS or title.startswith(PREPARATION):
        return "other"
    return "error" if level == 3 and under == ERRORS else "recipe"


def is_hidden(cell: NotebookNode) -> bool:
    """Whether a cell is left out of the page, as the checks of the authors are."""
    return "remove-cell" in cell.metadata.get("tags", [])


def read_source(path: Path) -> NotebookNode:
    """A notebook as it is committed, without outputs."""
    return nbformat.read(path, as_version=4)
