"""Sphinx extension: the directives `symptom-list` and `task-list` of book/find.

Each lists headings of the chapters by part and chapter, below a field that filters them
(book/_static/find.js). Nothing of the lists is written by hand.
"""

from book_facts import ChapterFacts, Entry, facts_of
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator


class HeadingList(SphinxDirective):
    """Headings of one kind. Subclasses say which, and what the field and the count say.

    `top_level` is the level of those headings; deeper ones are indented.
    """

    kind = question = counted = ""
    top_level = 2

    def run(self) -> list[nodes.Node]:
        parts: dict[str, list[tuple[ChapterFacts, list[Entry]]]] = {}
        for chapter in facts_of(self.env).chapters.values():
            entries = [entry for entry in chapter.entries if entry.kind == self.kind]
            if entries:
                parts.setdefault(chapter.part, []).append((chapter, entries))
        total = sum(len(entries) for part in parts.values() for _, entries in part)
        return [
            filter_field(self.question, self.counted.format(total)),
            *(self._part(name, chapters) for name, chapters in parts.items()),
        ]

    def _part(self, name: str, chapters: list[tuple[ChapterFacts, list[Entry]]]) -> nodes.section:
        folder = chapters[0][0].document.split("/")[-2]
        section = nodes.section(ids=[f"part-{folder}"], classes=["find-group"])
        section += nodes.title(text=name)
        for chapter, entries in chapters:
            group = nodes.container(classes=["find-group"])
            group += nodes.paragraph("", "", document_link(self.env, chapter), classes=["find-of"])
            group += nodes.bullet_list("", *map(self._line, entries), classes=["find-list"])
            section += group
        return section

    def _line(self, entry: Entry) -> nodes.list_item:
        line = nodes.list_item(classes=["find-sub"] if entry.level > self.top_level else [])
        assert entry.label is not None  # or it would be no recipe and no error, see chapters.py
        title = self.parse_inline(entry.title)[0]
        line += nodes.paragraph("", "", heading_link(self.env, entry.label, title))
        if entry.messages:
            line += found_messages("", " ".join(entry.messages))
        return line


class SymptomList(HeadingList):
    """Every error of the chapters, as the reader sees it."""

    kind, top_level = "error", 3
    question = "메시지나 증상"
    counted = "오류와 증상 {}개"


class TaskList(HeadingList):
    """Every recipe of the chapters."""

    kind = "recipe"
    question = "할 일이나 API 이름"
    counted = "레시피 {}개"


class found_messages(nodes.General, nodes.TextElement):
    """Messages of an error, hidden until the filter finds a word in them."""


def _visit_messages(translator: HTML5Translator, node: found_messages) -> None:
    translator.body.append('<small class="find-message" lang="en" hidden>')


def _depart_messages(translator: HTML5Translator, node: found_messages) -> None:
    translator.body.append("</small>")


def filter_field(question: str, counted: str) -> nodes.Node:
    """The field above a list. Without JavaScript only the count is shown."""
    return nodes.raw(
        "",
        f'<div class="find-field"><label for="find-field" class="needs-script">{question}</label>'
        '<input id="find-field" class="needs-script" type="search" autocomplete="off"'
        ' spellcheck="false">'
        f'<p class="find-count" role="status">{counted}</p></div>',
        format="html",
    )


def heading_link(env: BuildEnvironment, label: str, children: list[nodes.Node]) -> nodes.Node:
    """A link to a labelled heading; the build warns when the label is gone."""
    if all(isinstance(child, nodes.Text) for child in children):
        return _link(env, "std", "ref", label, children)
    return _link(env, None, "myst", label, children)  # slower, but keeps code in the text


def document_link(env: BuildEnvironment, chapter: ChapterFacts, text: str = "") -> nodes.Node:
    """A link to the top of a chapter, with its title unless another text is given."""
    return _link(env, "std", "doc", f"/{chapter.document}", [nodes.Text(text or chapter.title)])


def _link(
    env: BuildEnvironment, domain: str | None, kind: str, target: str, children: list[nodes.Node]
) -> nodes.Node:
    where = {"refdomain": domain, "reftype": kind, "reftarget": target, "refdoc": env.docname}
    options = {"refexplicit": True, "refwarn": True}
    return pending_xref("", nodes.inline("", "", *children), **where, **options)


def _load_assets(app: Sphinx, page: str, template: str, context: dict, *_: object) -> None:
    if 'class="find-field"' in context.get("body", ""):
        context["page_styles"] = ["find.css"]
        app.add_js_file("find.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    app.setup_extension("book_facts")
    app.add_node(found_messages, html=(_visit_messages, _depart_messages))
    app.add_directive("symptom-list", SymptomList)
    app.add_directive("task-list", TaskList)
    app.connect("html-page-context", _load_assets)
    return {"parallel_read_safe": True, "version": "1"}
