"""Sphinx extension: every page as plain Markdown beside its HTML, and `llms.txt` that lists them.

For readers that are programs: run.md stands next to run.html and has its text, the code of the
visible and folded cells, and their outputs as text. It is made of the page's tree once roles,
directives and links are resolved, so that no syntax of MyST is left. Anchors are those of the HTML
page; links within the book lead from Markdown to Markdown.
"""

import html
import re
from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import Any

from docutils import nodes
from find_lists import found_messages
from search_index import reading_order
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_SPECIAL = re.compile(r"([\\`*<\[\]])")
_LANGUAGES = {"ipython3": "python", "myst-ansi": "text", "default": "", "none": ""}
_ROW = re.compile(r"<tr\b.*?</tr>", re.S)
_CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.S)
_TAG = re.compile(r"<[^>]+>")
_NUMBERED = re.compile(r"id\d+")  # of a heading to which no link leads
_LINK = re.compile(r"\[((?:\\.|[^\]])*)\]\([^)]*\)")
_SENTENCE = re.compile(r".*?\.(?= |$)")


def markdown_of(doctree: nodes.document) -> str:
    """A page whose cross-references are resolved, as CommonMark with tables."""
    return "\n\n".join(_blocks(doctree)) + "\n"


@singledispatch
def _blocks(node: nodes.Node) -> Iterator[str]:
    """The blocks that a node becomes; of what is no text itself, those of its children."""
    if isinstance(node, nodes.Element):
        if anchors := _anchors(node):
            yield anchors
        for child in node.children:
            yield from _blocks(child)


@_blocks.register(nodes.TextElement)
def _paragraph(node: nodes.TextElement) -> Iterator[str]:
    if text := (_anchors(node) + _inline_children(node)).strip():
        yield text


@_blocks.register(nodes.comment)
@_blocks.register(nodes.target)
@_blocks.register(addnodes.toctree)
def _nothing(node: nodes.Element) -> Iterator[str]:
    yield from ()


@_blocks.register(nodes.title)
def _heading(node: nodes.title) -> Iterator[str]:
    level, above = 0, node.parent
    while isinstance(above, nodes.section):
        level, above = level + 1, above.parent
    yield f"{'#' * level} {_inline_children(node)}" if level else f"**{_inline_children(node)}**"


@_blocks.register(nodes.literal_block)
def _code(node: nodes.literal_block) -> Iterator[str]:
    code = node.astext().strip("\n")
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    language = node.get("language", "")
    yield f"{fence}{_LANGUAGES.get(language, language)}\n{code}\n{fence}"


@_blocks.register(nodes.image)
def _picture(node: nodes.image) -> Iterator[str]:
    yield f"*그림: {_escaped(node.get('alt', ''))}*"


@_blocks.register(nodes.Admonition)
def _box(node: nodes.Element) -> Iterator[str]:  # type: ignore[misc] # a mix-in of nodes
    text = "\n\n".join(block for child in node.children for block in _blocks(child))
    yield "\n".join(f"> {line}".rstrip() for line in text.splitlines())


@_blocks.register(nodes.bullet_list)
@_blocks.register(nodes.enumerated_list)
def _list(node: nodes.Element) -> Iterator[str]:
    numbered = isinstance(node, nodes.enumerated_list)
    items = []
    for number, item in enumerate(node.children, 1):
        mark = f"{number}. " if numbered else "- "
        joint = "\n" if all(isinstance(child, _TIGHT) for child in item.children) else "\n\n"
        text = joint.join(block for child in item.children for block in _blocks(child))
        indented = text.replace("\n", "\n" + " " * len(mark))
        items.append(mark + _anchors(item) + re.sub(r"(?m)^ +$", "", indented))
    yield "\n".join(items)


_TIGHT = (nodes.paragraph, found_messages, nodes.bullet_list, nodes.enumerated_list)


@_blocks.register(nodes.table)
def _table(node: nodes.table) -> Iterator[str]:
    rows = [[_cell(entry) for entry in row.children] for row in node.findall(nodes.row)]
    yield _rows(rows)


@_blocks.register(nodes.raw)
def _output(node: nodes.raw) -> Iterator[str]:
    """What a cell shows as HTML, such as a DataFrame: a table, or text without tags."""
    if "text_html" not in node["classes"]:
        return  # a control of the page, as the field above a list
    rows = [
        [_escaped(html.unescape(_TAG.sub("", cell)).strip()) for cell in _CELL.findall(row)]
        for row in _ROW.findall(node.astext())
    ]
    if rows:
        yield _rows([[cell.replace("|", r"\|") for cell in row] for row in rows])
    else:
        yield _escaped(html.unescape(_TAG.sub("", node.astext())).strip())


@_blocks.register(found_messages)
def _found(node: nodes.Element) -> Iterator[str]:
    yield _literal(node)


def _rows(rows: list[list[str]]) -> str:
    """A table. Shorter rows lack what spans them from above: the first levels of an index."""
    width = max(map(len, rows))
    lines = [f"| {' | '.join([''] * (width - len(row)) + row)} |" for row in rows]
    lines.insert(1, "|" + "---|" * width)
    return "\n".join(" ".join(line.splitlines()) for line in lines)


def _cell(entry: nodes.Node) -> str:
    return "<br>".join(_inline_children(child) for child in entry.children).replace("|", r"\|")


@singledispatch
def _inline(node: nodes.Node) -> str:
    return _anchors(node) + _inline_children(node)


def _inline_children(node: nodes.Node) -> str:
    return "".join(map(_inline, node.children))


@_inline.register(nodes.Text)
def _text(node: nodes.Text) -> str:
    return _escaped(node.astext())


@_inline.register(nodes.literal)
def _literal(node: nodes.Element) -> str:
    code = " ".join(node.astext().splitlines())
    ticks = "`" * (1 + max(map(len, re.findall("`+", code)), default=0))
    space = " " if "`" in (code[:1], code[-1:]) else ""
    return f"{_anchors(node)}{ticks}{space}{code}{space}{ticks}"


@_inline.register(nodes.strong)
def _strong(node: nodes.strong) -> str:
    return f"**{_inline_children(node)}**"


@_inline.register(nodes.emphasis)
def _emphasis(node: nodes.emphasis) -> str:
    return f"*{_inline_children(node)}*"


@_inline.register(nodes.raw)
def _raw(node: nodes.raw) -> str:
    return node.astext() if node["format"] == "html" else ""


@_inline.register(nodes.reference)
def _reference(node: nodes.reference) -> str:
    address = node.get("refuri") or f"#{node['refid']}"
    if node.get("internal"):
        address = re.sub(r"\.html(?=#|$)", ".md", address)
    if re.search(r"[ ()]", address):
        address = f"<{address}>"
    return f"{_anchors(node)}[{_inline_children(node)}]({address})"


def _anchors(node: nodes.Node) -> str:
    ids = node["ids"] if isinstance(node, nodes.Element) else []
    names = (name for name in ids if not _NUMBERED.fullmatch(name))
    return "".join(f'<a id="{name}"></a>' for name in names)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def opening_of(page: str) -> tuple[str, str]:
    """Title and first sentence of a page in Markdown, without links; empty where it has none."""
    blocks = [block for block in page.split("\n\n") if not block.startswith("<a id=")]
    title, first = (_LINK.sub(r"\1", " ".join(b.split())) for b in [*blocks, "", ""][:2])
    sentence = _SENTENCE.match(first)
    return title.removeprefix("# "), sentence[0] if sentence else first


def overview(pages: list[tuple[str, str, str]]) -> str:
    """`llms.txt`. `pages` are (address, part, Markdown) in reading order, the first page first."""
    (_, _, first), *others = pages
    title, sentence = opening_of(first)
    lines = [f"# {title}", "", f"> {sentence}", ""]
    lines += [
        "절의 주소는 `run.md#run-name`의 꼴이고, 브라우저로 볼 때는 `.md`를 `.html`로 바꾼다."
    ]
    part = None
    for address, of_part, page in others:
        if of_part != part:
            part = of_part
            lines += ["", f"## {part}", ""]
        title, sentence = opening_of(page)
        lines.append(f"- [{title}]({address}): {sentence}")
    return "\n".join(lines) + "\n"


def _file(app: Sphinx, document: str) -> Path:
    return Path(app.outdir, f"{document}.md")


def _write(app: Sphinx, doctree: nodes.document, document: str) -> None:
    if app.builder.format == "html":
        file = _file(app, document)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(markdown_of(doctree))


def _write_overview(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    pages = [
        (f"{document}.md", part, _file(app, document).read_text())
        for document, part in reading_order(app.env)
    ]
    Path(app.outdir, "llms.txt").write_text(overview(pages))


def _name_it(
    app: Sphinx,
    document: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """For the head of the page, which says where its Markdown is."""
    if doctree is not None:
        context["markdown"] = f"{document.rpartition('/')[2]}.md"


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("doctree-resolved", _write, priority=900)
    app.connect("build-finished", _write_overview)
    app.connect("html-page-context", _name_it)
    return {"parallel_read_safe": True, "version": "1"}
