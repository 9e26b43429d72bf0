"""The chapters of the book, each read once."""

from functools import cache

from chapters import Chapter, notebooks, read_chapter, read_source

from tests.conftest import ROOT

CHAPTERS = {document: path for document, path, _ in notebooks(ROOT)}


@cache
def chapter_of(document: str) -> Chapter:
    return read_chapter(read_source(CHAPTERS[document]), document)
