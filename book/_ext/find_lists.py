"""Sphinx extension: the directives `symptom-list` and `task-list` of book/find.

Each lists headings of the chapters by part and chapter, below a field that filters them
(book/_static/find.js). Nothing of the lists is written by hand.
"""

from book_facts import ChapterFacts, Entry
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective


class HeadingList(SphinxDirective):
    """Headings of one kind. Subclasses say which, and what the field and the count say.

    `top_level` is the level of those headings; deeper ones are indented.
    """

    kind = question = counted = ""
    top_level = 2

    def run(self):
        parts: dict[str, list[tuple[ChapterFacts, list[Entry]]]] = {}
        for chapter in self.env.book_facts.chapters.values():
            entries = [entry for entry in chapter.entries if entry.kind == self.kind]
            if entries:
                parts.setdefault(chapter.part, []).append((chapter, entries))
        total = sum(len(entries) for part in parts.values() for _, entries in part)
        return [
            filter_field(self.question, self.counted.format(total)),
            *(self._part(name, chapters) for name, chapters in parts.items()),
        ]

    def _part(self, name, chapters):
        folder = chapters[0][0].document.split("/")[-2]
        section = nodes.section(ids=[f"part-{folder}"], classes=["find-group"])
        section += nodes.title(text=name)
        for chapter, entries in chapters:
            group = nodes.container(classes=["find-group"])
            group += nodes.paragraph("", "", document_link(self.env, chapter), classes=["find-of"])
            group += nodes.bullet_list("", *map(self._line, entries), classes=["find-list"])
            section += group
        return section

    def _line(self, entry):
        line = nodes.list_item(classes=["find-sub"] if entry.level > self.top_level else [])
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


def _visit_messages(translator, node):
    translator.body.append('<small class="find-message" lang="en" hidden>')


def _depart_messages(translator, node):
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


def heading_link(env, label: str, children: list[nodes.Node]) -> nodes.Node:
    """A link to a labelled heading; the build warns when the label is gone."""
    if all(isinstance(child, nodes.Text) for child in children):
        return _link(env, "std", "ref", label, children)
    return _link(env, None, "myst", label, children)  # slower, but keeps code in the text


def document_link(env, chapter: ChapterFacts, text: str = "") -> nodes.Node:
    """A link to the top of a chapter, with its title unless another text is given."""
    return _link(env, "std", "doc", f"/{chapter.document}", [nodes.Text(text or chapter.title)])


def _link(env, domain, kind: str, target: str, children: list[nodes.Node]) -> nodes.Node:
    where = {"refdomain": domain, "reftype": kind, "reftarget": target, "refdoc": env.docname}
    options = {"refexplicit": True, "refwarn": True}
    return pending_xref("", nodes.inline("", "", *children), **where, **options)


def _load_script(app, pagename, templatename, context, doctree):
    if 'class="find-field"' in context.get("body", ""):
        app.add_css_file("find.css")
        app.add_js_file("find.js", loading_method="defer")


def setup(app):
    app.setup_extension("book_facts")
    app.add_node(found_messages, html=(_visit_messages, _depart_messages))
    app.add_directive("symptom-list", SymptomList)
    app.add_directive("task-list", TaskList)
    app.connect("html-page-context", _load_script)
    return {"parallel_read_safe": True, "version": "1"}
