"""What a cell is written in: a cell with a magic on its first line holds a script or a file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, _TokenType

PYTHON_MAGICS = ("%%capture", "%%time")  # of cells that run as Python all the same
_MAGIC = re.compile(r"%%(\w+)(.*)\n")
_SHELLS = {"bash", "sh"}
_OF_FILES = {
    ".conf": "nginx",
    ".env": "bash",
    ".ext": "ini",  # openssl's extensions of a certificate
    ".json": "json",
    ".service": "ini",
    ".sh": "bash",
    ".timer": "ini",
    ".yaml": "yaml",
    ".yml": "yaml",
}


class CellMagic(Lexer):
    """The line of the magic, then another language, given as the option `language`."""

    name = "Cell with a magic"

    def __init__(self, language: str = "python", **options: Any) -> None:
        super().__init__(**options)
        self._rest = get_lexer_by_name(language, **options)

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        magic, newline, rest = text.partition("\n")
        yield 0, Comment.Preproc, magic + newline
        for place, kind, value in self._rest.get_tokens_unprocessed(rest):
            yield len(magic + newline) + place, kind, value


def language_below_the_magic(source: str) -> str | None:
    """Of a cell that begins with a magic; None for one that does not."""
    magic = _MAGIC.match(source)
    if not magic:
        return None
    if magic[1] in _SHELLS:
        return "bash"
    if magic[1] == "writefile":
        return _OF_FILES.get(Path(magic[2].strip()).suffix, "python")
    return "python"


def python_that_runs(source: str) -> str:
    """The Python of a cell, below its magic, with IPython's own syntax translated.

    Empty for a cell in another language, and for one that writes a file.
    """
    if source.startswith(PYTHON_MAGICS):
        source = source.partition("\n")[2]
    return "" if source.startswith("%%") else TransformerManager().transform_cell(source)
