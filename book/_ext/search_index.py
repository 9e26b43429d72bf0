"""Sphinx extension: the index that the search of the pages reads, instead of Sphinx's own.

Written as scripts, because a page opened from a folder may load scripts and nothing else:
`_static/search/index.js` answers, `_static/search/rest.js` comes after it and has the words of the
rest of the sections, and what is shown of results. Every page of the book is in them, as it was
built; the glossary page is where the synonyms come from. A page with `nosearch: true` in its front
matter is found by its headings only.

How people ask for a section who do not know its words stands in the metadata of its notebook (see
`chapters.questions_asked`): the index has the words, no page shows them.
"""

import hashlib
import json
import pickle
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from chapter_parser import questions_asked, read_source
from docutils import nodes
from search_sections import NOUN, Section, sections_of, words_of
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.config import Config
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

GLOSSARY = "book/find/glossary"
COMMON = 0.1  # a word that more than this share of the sections has tells nothing
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
WORD_COLUMNS = 3  # of the glossary: Korean, English, other words


@dataclass(frozen=True)
class Glossary:
    """Words of each row that mean the same, the labels it leads to, and, by the first word of a
    row, what other tools and everyday speech say for it."""

    synonyms: list[list[str]] = field(default_factory=list)
    linked: list[list[str]] = field(default_factory=list)
    elsewhere: list[list[str]] = field(default_factory=list)


class _Application(Sphinx):
    """Sphinx's, with what this extension keeps in it."""

    search_sections: dict[str, list[Section]]  # by document


def _notice_changes(app: Sphinx, config: Config) -> None:
    """Write every page again when the search itself was changed: Sphinx looks at pages alone."""
    source = Path(app.srcdir) / "book"
    files = sorted([*source.glob("_ext/search_*.py"), *source.glob("_static/search/*")])
    config.search_code = hashlib.sha256(b"".join(map(Path.read_bytes, files))).hexdigest()


def _replace_sphinx_search(app: _Application) -> None:
    if isinstance(app.builder, StandaloneHTMLBuilder):
        app.builder.search = False
    app.search_sections = {}
    app.config.html_additional_pages["search"] = "search.html"
    app.add_js_file("search/open.js", loading_method="defer")


def _collect(app: _Application, doctree: nodes.document, document: str) -> None:
    standard = app.env.get_domain("std")
    assert isinstance(standard, StandardDomain)
    labels = {anchor for name, anchor in standard.anonlabels.values() if name == document}
    text = "nosearch" not in app.env.metadata[document]
    found = app.search_sections[document] = sections_of(doctree, labels, text)
    source = Path(app.env.doc2path(document))
    if source.suffix == ".ipynb":
        asked = questions_asked(read_source(source))
        for section in found:
            section.asked = asked.get(section.anchor, [])


def _write(app: _Application, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    kept = Path(app.doctreedir) / "search_sections.pickle"
    sections = pickle.loads(kept.read_bytes()) if kept.is_file() else {}
    sections |= app.search_sections  # an incremental build writes only the pages that changed
    sections = {name: found for name, found in sections.items() if name in app.env.found_docs}
    kept.write_bytes(pickle.dumps(sections))
    pages = [(document, part) for document, part in reading_order(app.env) if document in sections]
    known = GLOSSARY in app.env.found_docs
    index, rest = index_of(
        [
            (app.builder.get_target_uri(document), part, sections[document])
            for document, part in pages
        ],
        glossary_of(app.env.get_doctree(GLOSSARY)) if known else Glossary(),
    )
    index["ask"] = where_to_ask(app.config.html_theme_options.get("repository_url", ""))
    folder = Path(app.outdir) / "_static" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("index", index), ("rest", rest)):
        (folder / f"{name}.js").write_text(f"handbookSearch.{name} = {_json(content)};\n")


def where_to_ask(repository: str) -> dict[str, str]:
    """Links for a question that the book does not answer; the question is put behind each."""
    own = {"이 책에 묻기": f"{repository}/issues/new?title="} if repository else {}
    return own | {"MLflow 이슈에서 찾기": "https://github.com/mlflow/mlflow/issues?q="}


def reading_order(env: BuildEnvironment) -> list[tuple[str, str]]:
    """Documents with the caption of the part they stand in, the root first."""
    root = env.config.root_doc
    toctrees = env.get_doctree(root).findall(addnodes.toctree)
    return [(root, "")] + [(doc, t["caption"]) for t in toctrees for doc in t["includefiles"]]


def index_of(
    pages: list[tuple[str, str, list[Section]]],
    glossary: Glossary = Glossary(),
) -> tuple[dict, dict]:
    """What answers, and what comes after it. `pages` are (address, part, sections).

    Raises KeyError where the glossary says something of a word that begins no row of synonyms.
    """
    sections = [section for _, _, found in pages for section in found]
    shown = [
        [section.text for section in sections],
        ["\n".join(section.messages) for section in sections],
        ["\n".join(section.asked) for section in sections],
    ]
    row_of = {row[0]: number for number, row in enumerate(glossary.synonyms)}
    number_of = {section.anchor: number for number, section in enumerate(sections)}
    names = [name.lower() for row in glossary.synonyms for name in row if " " in name]
    common = max(len(sections) * COMMON, 10)
    rest = _places([section.words for section in sections])
    index = {
        "pages": [[uri, part, len(found)] for uri, part, found in pages],
        "headings": [section.heading for section in sections],
        "anchors": [section.anchor for section in sections],
        "errors": "".join(str(int(section.error)) for section in sections),
        "nouns": sorted({noun for s in sections for noun in NOUN.findall(f"{s.heading} {s.text}")}),
        "words": _lines([_places([_shown_words(t, names) for t in texts]) for texts in shown]),
        "synonyms": glossary.synonyms,
        "linked": [
            _steps(sorted({number_of[label] for label in labels if label in number_of}))
            for labels in glossary.linked
        ],
        "elsewhere": [[row_of[name], *words] for name, *words in glossary.elsewhere],
    }
    return index, {
        "words": _lines([{word: where for word, where in rest.items() if len(where) < common}]),
        "texts": shown[0],
        "messages": shown[1],
    }


def _places(texts: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    """By word the numbers of the texts that have it; each text is its words, each once."""
    places = defaultdict(list)
    for number, words in enumerate(texts):
        for word in words:
            places[word].append(number)
    return places


def _lines(columns: list[dict[str, list[int]]]) -> str:
    """A line for each word: the word, and after a tab each, its places in a column's texts.

    A place is one character.
    """
    lines = []
    for word in sorted({word for column in columns for word in column}):
        places = [_steps(column.get(word, [])) for column in columns]
        lines.append("\t".join([word, *places]).rstrip("\t"))
    return "\n".join(lines)


def _shown_words(text: str, names: list[str]) -> set[str]:
    """The words of a text, those that names of classes consist of, and names of several words."""
    lower = text.lower()
    spoken = {name for name in names if re.search(rf"(?<!\w){re.escape(name)}", lower)}
    return words_of(text) | words_of(_HUMP.sub(" ", text)) | spoken


def _steps(numbers: list[int]) -> str:
    """Each distance from the section before as the character of that number, small ones in ASCII.

    Characters that JSON escapes and control characters are left out.
    """
    characters = []
    for before, number in zip([-1, *numbers], numbers, strict=False):
        code = number - before + ord('"')
        code += code >= ord("\\")
        code += 0x22 * (code >= 0x7F)
        characters.append(chr(code))
    return "".join(characters)


def glossary_of(page: nodes.Element) -> Glossary:
    """What the tables of the glossary say."""
    found = Glossary()
    for row in page.findall(nodes.row):
        if isinstance(row.parent, nodes.thead):
            continue
        cells = [entry.astext() for entry in row.children]
        if len(cells) > WORD_COLUMNS:
            found.synonyms.append(_words(cells[:WORD_COLUMNS]))
            found.linked.append([link["reftarget"] for link in row.findall(addnodes.pending_xref)])
        else:
            found.elsewhere.append(_words(cells))
    return found


def _words(cells: list[str]) -> list[str]:
    words = [word.strip() for cell in cells for word in cell.split(",")]
    return [word for word in dict.fromkeys(words) if word]


def _json(index: dict) -> str:
    return json.dumps(index, ensure_ascii=False, separators=(",", ":"))


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_config_value("search_code", "", "html", [str])
    app.connect("config-inited", _notice_changes)
    app.connect("builder-inited", _replace_sphinx_search)
    app.connect("doctree-resolved", _collect, priority=900)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "version": "1"}
