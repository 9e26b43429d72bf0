"""Sphinx extension: the index that the search of the pages reads, instead of Sphinx's own.

Written as a script (`_static/search/index.js`), because a page opened from a folder may load
scripts and nothing else. Every page of the book is in it, as it was built; the glossary page is
where the synonyms come from. A page with `nosearch: true` in its front matter is found by its
headings only.
"""

import hashlib
import json
import pickle
from collections import defaultdict
from pathlib import Path

from docutils import nodes
from search_sections import Section, sections_of
from sphinx import addnodes

GLOSSARY = "book/find/glossary"
COMMON = 0.1  # a word that more than this share of the sections has tells nothing
WORD_COLUMNS = 3  # of the glossary: Korean, English, other words


def _notice_changes(app, config):
    """Write every page again when the search itself was changed: Sphinx looks at pages alone."""
    source = Path(app.srcdir) / "book"
    files = sorted([*source.glob("_ext/search_*.py"), *source.glob("_static/search/*")])
    config.search_code = hashlib.sha256(b"".join(map(Path.read_bytes, files))).hexdigest()


def _replace_sphinx_search(app):
    app.builder.search = False
    app.search_sections = {}
    app.config.html_additional_pages["search"] = "search.html"
    app.add_js_file("search/open.js", loading_method="defer")


def _collect(app, doctree, document):
    labels = {
        anchor for name, anchor in app.env.get_domain("std").anonlabels.values() if name == document
    }
    text = "nosearch" not in app.env.metadata[document]
    app.search_sections[document] = sections_of(doctree, labels, text)


def _write(app, exception):
    if exception or app.builder.format != "html":
        return
    kept = Path(app.doctreedir) / "search_sections.pickle"
    sections = pickle.loads(kept.read_bytes()) if kept.is_file() else {}
    sections |= app.search_sections  # an incremental build writes only the pages that changed
    sections = {name: found for name, found in sections.items() if name in app.env.found_docs}
    kept.write_bytes(pickle.dumps(sections))
    pages = [(document, part) for document, part in _reading_order(app.env) if document in sections]
    index = index_of(
        [
            (app.builder.get_target_uri(document), part, sections[document])
            for document, part in pages
        ]
    )
    if GLOSSARY in app.env.found_docs:
        index["synonyms"] = synonyms_in(app.env.get_doctree(GLOSSARY))
    target = Path(app.outdir) / "_static" / "search" / "index.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"handbookSearch.index = {_json(index)};\n")


def _reading_order(env) -> list[tuple[str, str]]:
    """Documents with the caption of the part they stand in, the root first."""
    root = env.config.root_doc
    toctrees = env.get_doctree(root).findall(addnodes.toctree)
    return [(root, "")] + [(doc, t["caption"]) for t in toctrees for doc in t["includefiles"]]


def index_of(pages: list[tuple[str, str, list[Section]]]) -> dict:
    """Columns of the index. `pages` are (address, part, sections) in reading order."""
    sections = [section for _, _, found in pages for section in found]
    return {
        "pages": [[uri, part, len(found)] for uri, part, found in pages],
        "headings": [section.heading for section in sections],
        "anchors": [section.anchor for section in sections],
        "errors": "".join(str(int(section.error)) for section in sections),
        "texts": [section.text for section in sections],
        "messages": ["\n".join(section.messages) for section in sections],
        "words": _postings(sections),
        "synonyms": [],
    }


def _postings(sections: list[Section]) -> str:
    """A line for each word: the word, a tab, and one character for each section that has it."""
    places = defaultdict(list)
    for number, section in enumerate(sections):
        for word in section.words:
            places[word].append(number)
    common = max(len(sections) * COMMON, 10)
    rows = (
        f"{word}\t{_steps(places[word])}" for word in sorted(places) if len(places[word]) < common
    )
    return "\n".join(rows)


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


def synonyms_in(glossary: nodes.document) -> list[list[str]]:
    """The words of each row of the glossary's tables that mean the same."""
    groups = []
    for row in glossary.findall(nodes.row):
        if isinstance(row.parent, nodes.thead):
            continue
        cells = [entry.astext() for entry in row.children[:WORD_COLUMNS]]
        words = [word.strip() for cell in cells for word in cell.split(",")]
        groups.append([word for word in dict.fromkeys(words) if word])
    return groups


def _json(index: dict) -> str:
    return json.dumps(index, ensure_ascii=False, separators=(",", ":"))


def setup(app):
    app.add_config_value("search_code", "", "html", [str])
    app.connect("config-inited", _notice_changes)
    app.connect("builder-inited", _replace_sphinx_search)
    app.connect("doctree-resolved", _collect, priority=900)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "version": "1"}
