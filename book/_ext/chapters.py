"""The chapters of the book as parts, recipes and errors: read from _toc.yml and the notebooks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

# The headings that every chapter has: above its errors, and above its links.
ERRORS = "자주 만나는 오류"
SEE_ALSO = "함께 보기"
# The title of a section that other sections need begins with this; it is no recipe.
PREPARATION = "준비: "

_HEADING = re.compile(r"(#{1,6}) +(.+)")
_LABEL = re.compile(r"\(([a-z0-9-]+)\)=")
_FENCE = re.compile(r"(`{3,}|~{3,})")
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


def notebooks(root: Path) -> Iterator[tuple[str, Path, str]]:
    """Document, path and part of every chapter, in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    for part in toc["parts"]:
        for entry in part["chapters"]:
            path = root / f"{entry['file']}.ipynb"
            if path.is_file():
                yield entry["file"], path, part["caption"]


def read_chapter(notebook: NotebookNode, document: str = "", part: str = "") -> Chapter:
    """The sections of a notebook, whether it was executed or not."""
    sections = [Section("", 1, None, "other")]
    under = ""  # title of the last ##
    for cell in notebook.cells:
        if cell.cell_type == "code":
            sections[-1].cells.append(cell)
        elif cell.cell_type == "markdown":
            for level, title, label in _headings(cell.source):
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


def _headings(markdown: str) -> Iterator[tuple[int, str, str | None]]:
    """Level, title and label of each heading, those in fenced code left out."""
    label, fence = None, None
    for line in filter(None, map(str.strip, markdown.splitlines())):
        if mark := _FENCE.match(line):
            # A fence is closed by one of its own kind, at least as long, with nothing behind it.
            if fence is None:
                fence = mark[1]
            elif line.startswith(fence) and not line.strip(fence[0]):
                fence = None
        elif fence is None and (heading := _HEADING.fullmatch(line)):
            if len(heading[1]) <= 3:
                yield len(heading[1]), heading[2], label
        found = _LABEL.fullmatch(line)
        label = found[1] if found else None


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
