"""Sphinx extension: English prose on a Korean page is marked, so that it is read out as English.

A paragraph, heading, table cell or link of two or more English words and no Hangul gets lang="en".
Code is not prose and stays as it is. So do single words and names inside Korean sentences.
"""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

_HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
_WORD = re.compile(r"\b[A-Za-z]{2,}\b")
_TITLE = re.compile(
    r'(<(?:a class="[^"]*\breference internal\b|span class="caption-text")[^>]*)>'
    r"(.*?)(?=</a>|</span></p>)"
)
_CODE_OR_TAG = re.compile(r"<code.*?</code>|<[^>]*>")
_PROSE = (nodes.title, nodes.paragraph, nodes.term, nodes.caption, nodes.rubric)
_PHRASE = (nodes.reference, nodes.emphasis, nodes.strong, nodes.inline)


def is_english(text: str) -> bool:
    return not _HANGUL.search(text) and len(_WORD.findall(text)) >= 2


class SpokenEnglish(SphinxPostTransform):
    """Adds the class from which docutils writes lang="en"."""

    default_priority = 900  # after cross-references have their text
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for node in self.document.findall(lambda n: isinstance(n, _PROSE + _PHRASE)):
            if not self._is_marked_above(node) and is_english(self._prose(node)):
                node["classes"].append("language-en")

    def _prose(self, node) -> str:
        """The text of a node without code; Hangul anywhere in it counts."""
        texts = node.findall(nodes.Text)
        return " ".join(
            text.astext()
            for text in texts
            if not isinstance(text.parent, nodes.literal) or _HANGUL.search(text.astext())
        )

    def _is_marked_above(self, node) -> bool:
        while node := node.parent:
            if "language-en" in node.get("classes", ()):
                return True
        return False


def mark_titles(html: str) -> str:
    """Mark what is English in a table of contents, which Sphinx hands over as HTML."""

    def mark(match):
        start, title = match.groups()
        english = not _HANGUL.search(title) and is_english(_CODE_OR_TAG.sub(" ", title))
        return f'{start} lang="en">{title}' if english and "lang=" not in match[0] else match[0]

    return _TITLE.sub(mark, html)


def _mark_contents(app, pagename, templatename, context, doctree):
    context["mark_english_titles"] = mark_titles  # for the side bar, in layout.html
    context["body"] = mark_titles(context.get("body", ""))


def setup(app):
    app.add_post_transform(SpokenEnglish)
    app.connect("html-page-context", _mark_contents)
    return {"parallel_read_safe": True, "version": "1"}
