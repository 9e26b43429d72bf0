"""English prose on a Korean page is marked, so that it is read out as English.

A paragraph, heading, table cell or link of two or more English words and no Hangul gets lang="en".
Code is not prose and stays as it is. So do single words and names inside Korean sentences. What a
cell wrote as an error or a warning is English unless something in it is Korean.
"""

import re

from docutils import nodes
from sphinx.addnodes import compact_paragraph

_HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
_WORD = re.compile(r"\b[A-Za-z]{2,}\b")
_PROSE = (nodes.title, nodes.paragraph, nodes.term, nodes.caption, nodes.rubric)
_PHRASE = (nodes.reference, nodes.emphasis, nodes.strong, nodes.inline)
_MESSAGE = {"stderr", "traceback"}
_MARK = "language-en"  # the class from which docutils writes lang="en"


def mark(node: nodes.Node) -> None:
    """Mark a node that is English, unless what it stands in is marked already."""
    if isinstance(node, compact_paragraph):  # no element is written for it
        return
    if isinstance(node, _PROSE + _PHRASE):
        english = is_english(_prose(node)) and not _is_marked_above(node)
    elif isinstance(node, nodes.literal_block):
        english = not _MESSAGE.isdisjoint(node["classes"]) and not _HANGUL.search(node.astext())
    else:
        english = False
    if english and isinstance(node, nodes.Element):
        node["classes"].append(_MARK)


def is_english(text: str) -> bool:
    return not _HANGUL.search(text) and len(_WORD.findall(text)) >= 2


def _prose(node: nodes.Element) -> str:
    """The text of a node without code and HTML; Hangul in code counts."""
    return " ".join(
        text.astext()
        for text in node.findall(nodes.Text)
        if not isinstance(text.parent, (nodes.literal, nodes.raw)) or _HANGUL.search(text.astext())
    )


def _is_marked_above(node: nodes.Node) -> bool:
    above = node.parent
    while above is not None and _MARK not in above.get("classes", ()):
        above = above.parent
    return above is not None
