"""What the book consists of: _toc.yml, read by the parser that Jupyter Book itself uses."""

from collections.abc import Iterator
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

_CHAPTERS = "notebooks/"  # the folder of the pages that are notebooks


def documents_of_the_book(root: Path) -> list[str]:
    """Names of all pages in reading order, without suffix, the landing page first."""
    return [document for document, _ in _entries(root)]


def chapters_of_the_book(root: Path) -> set[Path]:
    """Paths of the notebooks among the pages, also of those that are not written yet."""
    return {root / f"{name}.ipynb" for name in documents_of_the_book(root) if _is_chapter(name)}


def notebooks(root: Path) -> Iterator[tuple[str, Path, str]]:
    """Document, path and part of every chapter that is written, in reading order."""
    for document, part in _entries(root):
        path = root / f"{document}.ipynb"
        if _is_chapter(document) and path.is_file():
            yield document, path, part


def _is_chapter(document: str) -> bool:
    return document.startswith(_CHAPTERS)


def _entries(root: Path) -> Iterator[tuple[str, str]]:
    """Every document with the caption of its part, which the landing page has none of."""
    contents = parse_toc_yaml(root / "_toc.yml")

    def below(document: str, part: str) -> Iterator[tuple[str, str]]:
        yield document, part
        for tree in contents[document].subtrees:
            for child in tree.files():
                yield from below(child, part or tree.caption or "")

    return below(contents.root.docname, "")
