"""Sphinx extension: writes the text of a page as HTML that fits readers, screen readers and phones.

Sphinx's own writer has no options for this. What differs is written so from the start: no finished
HTML is searched and changed, except what comes as HTML out of a cell.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from compact_images import size_of
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator
from spoken_english import mark

HERE = "여기를 가리키는 링크"
# The browser tells a whole table, which ends in a foot, from one whose rows are still arriving:
# columns are as wide as the cells that are there, so each row that arrives would move the others.
_FOOT = "<tfoot></tfoot>"
# Of the index of a DataFrame. Without text it heads nothing.
_EMPTY_HEADING = re.compile(r"<th[^>]*>\s*</th>")
# Sphinx wraps the text of a link to another page in an element of these classes.
_WRAPPING = {"std", "doc", "xref"}


class HtmlWriter(HTML5Translator):
    """Sphinx's writer of HTML, with differences that the methods name."""

    def __init__(self, document: nodes.document, builder: Builder) -> None:
        super().__init__(document, builder)
        self.image_loading = "lazy"

    def dispatch_visit(self, node: nodes.Node) -> None:
        """Marks what is English."""
        mark(node)
        super().dispatch_visit(node)

    def starttag(
        self,
        node: nodes.Element,
        tagname: str,
        suffix: str = "\n",
        empty: bool = False,
        **attributes: Any,
    ) -> str:
        """In the contents of the book a part is a heading, and one link leads to this page."""
        if attributes.get("ROLE") == "heading":
            attributes["ARIA-LEVEL"] = "2"
        elif tagname == "a" and "current" in node.get("classes", ()):
            attributes["ARIA-CURRENT"] = "page"
        return super().starttag(node, tagname, suffix, empty, **attributes)

    def add_permalink_ref(self, node: nodes.Element, title: str) -> None:
        """The link beside a heading is not read out as a number sign."""
        if node["ids"]:
            self.body.append(
                f'<a class="headerlink" href="#{node["ids"][0]}"'
                f' title="{HERE}" aria-label="{HERE}">#</a>'
            )

    def visit_table(self, node: nodes.Element) -> None:
        """A wide table scrolls in itself."""
        self.body.append('<div class="wide-table">')
        super().visit_table(node)

    def depart_table(self, node: nodes.Element) -> None:
        self.body.append(_FOOT)
        super().depart_table(node)
        self.body.append("</div>\n")

    def visit_entry(self, node: nodes.entry) -> None:
        """A cell without text heads nothing."""
        super().visit_entry(node)
        if self.context[-1] == "</th>\n" and not node.astext().strip():
            self.body[-1], self.context[-1] = "<td>", "</td>\n"
            node.clear()  # of a paragraph without text

    def visit_raw(self, node: nodes.raw) -> None:
        """A table of pandas as other tables."""
        text = node.astext()
        if "</table>" in text:
            text = _EMPTY_HEADING.sub("<td></td>", text).replace("</table>", f"{_FOOT}</table>")
            node[:] = [nodes.Text(text)]
        super().visit_raw(node)

    def visit_image(self, node: nodes.Element) -> None:
        """A picture has its size, so that nothing moves when it arrives."""
        if node["uri"] in self.builder.images:
            node["picture"] = Path(self.builder.srcdir, node["uri"])
        super().visit_image(node)

    def emptytag(
        self, node: nodes.Element, tagname: str, suffix: str = "\n", **attributes: Any
    ) -> str:
        if "picture" in node:
            width, height = size_of(node["picture"])
            attributes |= {"width": width, "height": height, "decoding": "async"}
        return super().emptytag(node, tagname, suffix, **attributes)

    def visit_inline(self, node: nodes.inline) -> None:
        """A link is one element: the index of names has 1,700 of them, which phones wait for."""
        if not _wraps_a_link(node):
            super().visit_inline(node)

    def depart_inline(self, node: nodes.inline) -> None:
        if not _wraps_a_link(node):
            super().depart_inline(node)


def _wraps_a_link(node: nodes.inline) -> bool:
    return isinstance(node.parent, nodes.reference) and bool(
        _WRAPPING.intersection(node["classes"])
    )


def _visit_folded_cell(writer: HtmlWriter, node: HideCodeCellNode) -> None:
    """As myst-nb, without the name in English that would hide what the line says is folded."""
    writer.body.append(
        f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>\n'
        f'<p class="collapsed admonition-title">{escape(node["prompt_show"])}</p>\n'
        f'<p class="expanded admonition-title">{escape(node["prompt_hide"])}</p>\n</summary>\n'
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    app.setup_extension("myst_nb")
    app.set_translator("html", HtmlWriter)
    app.add_node(HideCodeCellNode, override=True, html=(_visit_folded_cell, depart_HideCellInput))
    return {"parallel_read_safe": True, "version": "1"}
