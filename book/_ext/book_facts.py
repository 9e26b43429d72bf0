"""Sphinx extension: what the pages of book/find list, gathered from the chapters before reading.

The facts of a chapter stay in Sphinx's environment until the chapter or its outputs change, so a
build after an edit reads one notebook. Pages that were made from facts are read again then.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from chapter_parser import Chapter, Section, is_hidden, read_chapter, read_source
from execution_cache import ExecutionCache
from mlflow_names import Inventory, installed_version, inventory
from name_uses import ChapterReader, Patterns, Use, tables_shown
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata
from table_of_contents import notebooks

FOLDER = "book/find/"
INDEX = FOLDER + "api-index"

_ID = re.compile(r"\b(?=\w*\d)[\da-f]{8,}\b|\b\d{4,}\b")
_STAMP = re.compile(r"^(?:\d{4}[/-]\d\d[/-]\d\d [\d:,.]+ )?(?:(?:WARNING|ERROR) [\w.]+: )?")
_TROUBLE = re.compile(r"\b(?:WARNING|ERROR)\b|(?:Warning|Error|Exception)\b")
_LONGEST_MESSAGE = 240  # characters: a line of a log, not a traceback


@dataclass(frozen=True)
class Entry:
    """A recipe or an error as the lists show it; `title` is Markdown.

    `messages` are lines of the outputs of an error section that its title does not hold.
    """

    title: str
    label: str | None
    level: int
    kind: str
    messages: tuple[str, ...]
    uses: frozenset[tuple[str, str]]


@dataclass
class ChapterFacts:
    """What the lists and the links need to know of a chapter."""

    document: str
    title: str
    entries: list[Entry]
    code: dict[str, list[Use]] = field(compare=False)  # source of a cell -> names with a place
    part: str = ""  # of _toc.yml


@dataclass
class Facts:
    """Everything gathered: kept in Sphinx's environment, see `facts_of`."""

    version: str = ""  # of MLflow and of the code that gathers
    names: Inventory = field(default_factory=dict)
    chapters: dict[str, ChapterFacts] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)


class _Environment(BuildEnvironment):
    """Sphinx's, with what this extension keeps in it."""

    book_facts: Facts


def facts_of(env: BuildEnvironment) -> Facts:
    """What was gathered before the reading."""
    return cast(_Environment, env).book_facts


def of_chapter(chapter: Chapter, names: Inventory, patterns: Patterns) -> ChapterFacts:
    """The facts of a chapter that was read with its outputs."""
    reader, code, uses = ChapterReader(names, patterns), {}, []
    for section in chapter.sections:
        used: set[tuple[str, str]] = set()
        for cell in section.cells:
            found = reader.uses(cell.source)
            if not is_hidden(cell):
                used |= {(use.kind, use.name) for use in found}
                code[cell.source] = [use for use in found if use.start is not None]
        uses.append(used)
    entries = [
        Entry(
            section.title,
            section.label,
            section.level,
            section.kind,
            _messages(section) if section.kind == "error" else (),
            frozenset(used | {patterns.tables[name] for name in shown}),
        )
        for section, used, shown in zip(
            chapter.sections, uses, tables_shown(patterns, chapter), strict=True
        )
    ]
    return ChapterFacts(chapter.document, chapter.title, entries, code)


def _messages(section: Section) -> tuple[str, ...]:
    """Error and warning lines that the section's cells show, without what changes every time."""
    lines = []
    for output in (out for cell in section.visible_cells for out in cell.get("outputs", [])):
        if output.output_type == "error":
            lines.append(f"{output.ename}: {output.evalue}".splitlines()[0])
        else:
            text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            lines += [line for line in text.splitlines() if _TROUBLE.search(line)]
    title = _one_line(section.title)
    return tuple(line for line in dict.fromkeys(map(_one_line, lines)) if line not in title)


def _one_line(message: str) -> str:
    """A message without time, logger, numbers of one execution, and marks of Markdown."""
    text = " ".join(_STAMP.sub("", message.strip()).replace("`", "").split())
    return _ID.sub("...", text)[:_LONGEST_MESSAGE]


def _version() -> str:
    """What facts depend on beside the chapters: the installed MLflow and these extensions."""
    digest = hashlib.sha256(installed_version().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _gather(app: Sphinx, env: _Environment, *_: object) -> list[str]:
    """Bring the facts up to date; returns the documents to read again because of it."""
    root = Path(app.srcdir)
    facts = env.book_facts = getattr(env, "book_facts", None) or Facts()
    if INDEX not in env.found_docs:
        return []
    before = (facts.version, facts.chapters)
    if facts.version != (version := _version()):
        facts.names, facts.version, facts.stamps = inventory(), version, {}
    cache, patterns, chapters, stamps = ExecutionCache(root), None, {}, {}
    shown = getattr(env, "outputs_shown", {})  # of chapter_outputs, asked before
    for document, path, part in notebooks(root):
        when, _ = shown.get(document, (None, None))
        stamps[document] = hashlib.sha256(path.read_bytes()).hexdigest() + str(when)
        if stamps[document] == facts.stamps.get(document):
            chapters[document] = facts.chapters[document]
        else:
            patterns = patterns or Patterns(facts.names)
            executed = cache.executed(path) if when else None
            chapter = read_chapter(executed or read_source(path), document)
            chapters[document] = of_chapter(chapter, facts.names, patterns)
        chapters[document] = replace(chapters[document], part=part)
    facts.chapters, facts.stamps = chapters, stamps
    if before == (facts.version, chapters) or app.tags.has("preview"):
        return []  # an edit of prose changes no list, and a preview is not there for the lists
    return sorted(document for document in env.found_docs if document.startswith(FOLDER))


def setup(app: Sphinx) -> ExtensionMetadata:
    # Behind chapter_outputs, which says in one sentence which chapters were not executed.
    app.connect("env-get-outdated", _gather, priority=600)
    return {"parallel_read_safe": True, "env_version": 1, "version": "1"}
