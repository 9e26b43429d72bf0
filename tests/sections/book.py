"""The chapters of the book, each read once."""

from functools import cache

from chapter_parser import Chapter, read_chapter, read_source
from table_of_contents import notebooks

from tests.conftest import ROOT

CHAPTERS = {document: path for document, path, _ in notebooks(ROOT)}


@cache
def chapter_of(document: str) -> Chapter:
    return read_chapter(read_source(CHAPTERS[document]), document)
