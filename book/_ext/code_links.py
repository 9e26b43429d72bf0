"""Sphinx extension: names of MLflow in code cells lead to their line in the API index.

The first place of a name in a cell is a link; the other places would only add weight and tab
stops. Which names a cell uses, and where, was found in its syntax tree (name_uses.py), so a
name in a comment or in a text is no link.
"""

import html
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from api_index import anchor
from book_facts import INDEX, facts_of
from cell_languages import CellMagic, language_below_the_magic
from name_uses import Use
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.util.typing import ExtensionMetadata

_BLOCK = re.compile(r"(?P<before>.*<pre>(?:<span></span>)?)(?P<code>.*)(?P<after></pre>.*)", re.S)
_TOKEN = re.compile(r'<span class="(?P<kind>[^"]*)">(?P<text>[^<]*)</span>|(?P<bare>[^<]+)')
_KINDS = ("fluent", "client", "cli", "option", "env")
MAGIC = "cell-magic"


class LinkingBridge(PygmentsBridge):
    """Highlights code; what the cell of a chapter uses becomes a link."""

    def __init__(self, app: Sphinx) -> None:
        super().__init__()
        self._app = app

    def highlight_block(
        self,
        source: str,
        lang: str,
        opts: dict | None = None,
        force: bool = False,
        location: Any = None,
        **others: Any,
    ) -> str:
        """As in Sphinx. `location` is the node of the block, by which its page is known."""
        if language := language_below_the_magic(source):
            lang, opts = MAGIC, {"language": language}
        block = super().highlight_block(source, lang, opts, force, location, **others)
        page = getattr(self._app.builder, "current_docname", "")
        chapter = facts_of(self._app.env).chapters.get(page)
        if not chapter:
            return block
        index = self._app.builder.get_relative_uri(page, INDEX)
        return link_names(block, source, chapter.code.get(source, ()), index)


def link_names(block: str, source: str, uses: Iterable[Use], index: str) -> str:
    """The highlighted HTML of `source`, with a link to `index` at the first place of each use."""
    links: dict[tuple[str, str], tuple[int, int]] = {}
    for use in uses:
        if use.kind in _KINDS and use.start is not None and use.end is not None:
            links.setdefault((use.kind, use.name), (use.start, use.end))
    highlighted = _BLOCK.fullmatch(block)
    if not links or not highlighted:
        return block
    tokens = [
        (token["kind"], html.unescape(token["text"] or token["bare"]))
        for token in _TOKEN.finditer(highlighted["code"])
    ]
    if "".join(text for _, text in tokens).rstrip("\n") != source.rstrip("\n"):
        return block  # not shown as it was written: places mean nothing
    code = "".join(_linked(tokens, links, index))
    return highlighted["before"] + code + highlighted["after"]


def _linked(
    tokens: list[tuple[str | None, str]], links: dict[tuple[str, str], tuple[int, int]], index: str
) -> Iterator[str]:
    """Tokens of the highlighter as HTML, cut where a link begins or ends."""
    begins = {start: f'<a href="{index}#{anchor(*name)}">' for name, (start, _) in links.items()}
    ends = {end for _, end in links.values()}
    cuts = sorted(begins.keys() | ends)
    position = 0
    for kind, text in tokens:
        inside = [cut - position for cut in cuts if position < cut < position + len(text)]
        for first, last in pairwise([0, *inside, len(text)]):
            piece = html.escape(text[first:last])
            yield begins.get(position + first, "")
            yield f'<span class="{kind}">{piece}</span>' if kind else piece
            yield "</a>" if position + last in ends else ""
        position += len(text)


def _replace(app: Sphinx) -> None:
    """Put ours in the place of the builder's highlighter, which Sphinx has no setting for."""
    if hasattr(app.builder, "highlighter"):
        ours = LinkingBridge(app)
        vars(ours).update(vars(app.builder.highlighter))  # its style, formatters and engine
        app.builder.highlighter = ours


def setup(app: Sphinx) -> ExtensionMetadata:
    app.setup_extension("book_facts")
    app.add_lexer(MAGIC, CellMagic)
    app.connect("builder-inited", _replace)
    return {"parallel_read_safe": True, "version": "1"}
