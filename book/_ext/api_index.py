"""Sphinx extension: the directive `api-index` lists every public name of MLflow, a line each.

A line holds the recipes that use the name and its official page. Lists and uses come from
book_facts; a name that no recipe uses says so.
"""

import re

from book_facts import ChapterFacts, Entry, facts_of
from docutils import nodes
from find_lists import document_link, filter_field, heading_link
from mlflow_names import Name
from sphinx.addnodes import compact_paragraph
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

SHOWN = 1  # recipe a line names, the nearest; the others are counted by chapter

Uses = list[tuple[ChapterFacts, Entry]]

# Kind, anchor of the section, its heading, what stands before a name in the list.
_KINDS = (
    ("fluent", "fluent-api", "Fluent API: mlflow.*", "mlflow."),
    ("client", "mlflow-client", "MlflowClient", "MlflowClient."),
    ("cli", "cli", "명령: mlflow ...", ""),
    ("option", "server-options", "서버 옵션: mlflow server", ""),
    ("env", "environment-variables", "환경 변수", ""),
    ("rest", "rest-paths", "REST 경로", ""),
    ("scheme", "artifact-schemes", "아티팩트 URI", ""),
    ("table", "sql-tables", "SQL 테이블", ""),
    ("auth_table", "auth-tables", "SQL 테이블: basic-auth의 데이터베이스", ""),
)
_PREFIX = {kind: prefix for kind, _, _, prefix in _KINDS}
_ANCHOR = {"option": "server", "scheme": "scheme-", "table": "table-", "auth_table": "auth-table-"}


def anchor(kind: str, name: str) -> str:
    """The id of a name's line on the page."""
    word = re.sub(r"[^\w.-]+", "-", name.removeprefix("/"))
    return _ANCHOR.get(kind, "") + _PREFIX[kind] + word


class ApiIndex(SphinxDirective):
    """All kinds of names, a section each."""

    def run(self) -> list[nodes.Node]:
        facts = facts_of(self.env)
        total = sum(map(len, facts.names.values()))
        found: dict[tuple[str, str], Uses] = {}
        for chapter in facts.chapters.values():
            for entry in chapter.entries:
                for use in entry.uses:
                    found.setdefault(use, []).append((chapter, entry))
        sections = [
            self._kind(kind, ident, heading, facts.names[kind], found)
            for kind, ident, heading, _ in _KINDS
        ]
        return [filter_field("이름", f"이름 {total}개"), *sections]

    def _kind(
        self,
        kind: str,
        ident: str,
        heading: str,
        names: list[Name],
        found: dict[tuple[str, str], Uses],
    ) -> nodes.section:
        used = sum((kind, name.name) in found for name in names)
        section = nodes.section("", nodes.title(text=heading), ids=[ident], classes=["find-group"])
        section += nodes.paragraph(text=f"{len(names)}개 가운데 {used}개에 레시피가 있다.")
        lines = [self._line(kind, name, found.get((kind, name.name), [])) for name in names]
        section += nodes.bullet_list("", *lines, classes=["find-list", "api-list"])
        return section

    def _line(self, kind: str, name: Name, uses: Uses) -> nodes.list_item:
        line = nodes.list_item(ids=[anchor(kind, name.name)])
        head = nodes.paragraph("", "", nodes.literal(text=_PREFIX[kind] + name.name))
        if name.note:
            head += [nodes.Text(" "), nodes.inline(text=name.note, classes=["api-note"])]
        page = "소스" if "/blob/" in name.url else "공식"
        head += [nodes.Text(" "), nodes.reference(text=page, refuri=name.url)]
        line += [head, self._recipes(name.name, uses)]
        return line

    def _recipes(self, name: str, uses: Uses) -> nodes.Element:
        if not uses:
            return nodes.paragraph(text="레시피 없음", classes=["api-unused"])
        uses = sorted(uses, key=lambda use: _distance(name, use[1]))  # stable: reading order
        items = [_item(self._link(chapter, entry)) for chapter, entry in uses[:SHOWN]]
        rest: dict[str, Uses] = {}
        for chapter, entry in uses[SHOWN:]:
            rest.setdefault(chapter.document, []).append((chapter, entry))
        for (chapter, entry), *others in rest.values():
            link = self._link(chapter, entry, f"{chapter.title} {len(others) + 1}곳")
            items.append(_item(link, "api-more"))
        return nodes.bullet_list("", *items, classes=["api-uses"])

    def _link(self, chapter: ChapterFacts, entry: Entry, text: str = "") -> nodes.Node:
        if entry.label is None:
            return document_link(self.env, chapter, text)
        title = text or f"{chapter.title}: {_plain(entry)}"
        return heading_link(self.env, entry.label, [nodes.Text(title)])


def _item(link: nodes.Node, *classes: str) -> nodes.Node:
    return nodes.list_item("", compact_paragraph("", "", link), classes=list(classes))


def _distance(name: str, entry: Entry) -> tuple[bool, int, int]:
    """How far a section is from being about a name: nearest are headings that say it alone."""
    word = re.escape(name.removeprefix("mlflow "))
    said = re.search(rf"(?<![\w-]){word}(?![\w-])", entry.title, re.ASCII)
    others = entry.title.count(", ") if said else 0
    return not said, ["recipe", "error", "other"].index(entry.kind), others


def _plain(entry: Entry) -> str:
    """A heading without marks of Markdown; that of a recipe without the names behind its task."""
    title = re.sub(r"[`\\]", "", entry.title)
    return re.sub(r": [!-~].*", "", title) if entry.kind == "recipe" else title


def setup(app: Sphinx) -> ExtensionMetadata:
    app.setup_extension("find_lists")
    app.add_directive("api-index", ApiIndex)
    return {"parallel_read_safe": True, "version": "1"}
