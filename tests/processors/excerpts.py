"""Sections of a chapter, and those that a section needs to run."""

import ast

import nbformat
from cell_languages import python_that_runs
from chapter_parser import headings

Section = list[nbformat.NotebookNode]


def sections(notebook: nbformat.NotebookNode) -> list[Section]:
    """The cells before the first heading of level two, then those of each."""
    found: list[Section] = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and any(level == 2 for level, *_ in headings(cell.source)):
            found.append([])
        found[-1].append(cell)
    return found


def code(section: Section) -> str:
    return "\n".join(cell.source for cell in section if cell.cell_type == "code")


def with_prerequisites(wanted: list[int], first: Section, recipes: list[Section]) -> list[int]:
    """The numbers of these recipes and of those that define names they use, in order.

    A name that neither a recipe nor `first` defines is looked up in the nearest recipe before it.
    """
    always = names(first)[0]
    defined, used = zip(*map(names, recipes), strict=True) if recipes else ((), ())
    kept, open_ends = set(), list(wanted)
    while open_ends:
        number = open_ends.pop()
        if number in kept:
            continue
        kept.add(number)
        for name in used[number] - defined[number] - always:
            before = [n for n in range(number) if name in defined[n]]
            open_ends += before[-1:]
    return sorted(kept)


def names(section: Section) -> tuple[set[str], set[str]]:
    """The names that the Python cells of a section define, and those that they use."""
    defined: set[str] = set()
    used: set[str] = set()
    for cell in section:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(python_that_runs(cell.source))):
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.alias):
                defined.add((node.asname or node.name).partition(".")[0])
    return defined, used
