"""Sphinx extension: what the templates of book/_theme need and Sphinx does not give them."""

from functools import cache
from typing import Any, cast

from docutils import nodes
from page_contents import contents_of
from pygments.formatters import HtmlFormatter
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.util.typing import ExtensionMetadata

_HIGHLIGHTING = {"light": "a11y-high-contrast-light", "dark": "a11y-high-contrast-dark"}


@cache
def highlighting() -> str:
    """The style sheet of highlighted code, in both brightnesses of a page."""
    lines = []
    for brightness, style in _HIGHLIGHTING.items():
        code = f'html[data-theme="{brightness}"] .highlight'
        formatter = HtmlFormatter(style=style)
        lines += formatter.get_background_style_defs(code) + formatter.get_token_style_defs(code)
    return "\n".join(lines)


def _complete(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    context["highlighting"] = highlighting()
    if doctree:
        first = doctree.next_node(nodes.paragraph)
        context["page_description"] = first.astext() if first else ""
        if page != app.config.root_doc:
            builder = cast(StandaloneHTMLBuilder, app.builder)  # others do not send this event
            context["page_contents"] = contents_of(builder, page)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_js_file("handbook.js", loading_method="defer")
    app.connect("html-page-context", _complete)
    return {"parallel_read_safe": True, "version": "1"}
