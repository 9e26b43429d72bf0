"""The contents of a page, in short: of a heading "task: names of the API" the task alone.

The names are in the heading, in the search and in the code; beside the page there is no room.
"""

import re

from chapter_parser import PREPARATION
from docutils import nodes
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import TocTree

_TASK = re.compile(r".*?[가-힣].*?(?=: .)", re.S)
_BREAK = re.compile(r"(?<=[_./(=])(?=\w)")


def contents_of(builder: StandaloneHTMLBuilder, document: str) -> str:
    """The headings below the title of a document as HTML; empty where there are none."""
    toc = TocTree(builder.env).get_toc_for(document, builder)
    for link in toc.findall(nodes.reference):
        link[:] = shortened(link)
    below_the_title = list(toc.findall(nodes.bullet_list))[1:2]
    return builder.render_partial(*below_the_title)["fragment"] if below_the_title else ""


def shortened(title: nodes.Element) -> list[nodes.Node]:
    """What is listed of a heading; what is left of an identifier breaks between its words."""
    text = title.astext()
    task = None if text.startswith(PREPARATION) else _TASK.match(text)
    listed: list[nodes.Node] = []
    place = 0
    for part in title.children:
        length = len(part.astext())
        if task and place <= task.end() < place + length and isinstance(part, nodes.Text):
            return listed + _breaking(nodes.Text(part[: task.end() - place]))
        listed += _breaking(part)
        place += length
    return listed


def _breaking(part: nodes.Node) -> list[nodes.Node]:
    if isinstance(part, nodes.Element):
        whole = part.copy()
        whole += [piece for child in part.children for piece in _breaking(child)]
        return [whole]
    first, *others = _BREAK.split(part.astext())
    pieces: list[nodes.Node] = [nodes.Text(first)]
    for other in others:
        pieces += [nodes.raw("", "<wbr>", format="html"), nodes.Text(other)]
    return pieces
