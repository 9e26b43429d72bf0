"""The lines of code on a page that consists of tables: first column code, second a link."""

from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt


class Line(NamedTuple):
    """One row of a table: the heading of its first column says what kind of code it is."""

    kind: str
    code: str


def lines_of(page: Path) -> list[Line]:
    """All lines of code of a page, in its order.

    Raises ValueError for code that no table row offers as its first cell alone.
    """
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    lines, kind, cell, opened = [], "", 0, ""
    for token in tokens:
        if token.type in ("fence", "code_block"):
            raise ValueError(f"code outside the tables: {token.content}")
        if token.type == "tr_open":
            cell = 0
        elif token.type in ("th_open", "td_open"):
            cell, opened = cell + 1, token.type
        elif token.type == "inline" and opened == "th_open" and cell == 1:
            kind = token.content
        elif token.type == "inline" and opened == "td_open" and cell == 1:
            children = token.children or []
            code = [child.content for child in children if child.type == "code_inline"]
            if len(children) != 1 or len(code) != 1:
                raise ValueError(f"not one piece of code: {token.content}")
            lines.append(Line(kind, code[0]))
        elif token.type in ("th_close", "td_close"):
            opened = ""
    return lines
