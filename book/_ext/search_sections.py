"""The sections of a page as search sees them, read from the page's doctree.

A section is a heading with what stands directly under it, or a row of a table with an address of
its own: `| [what it answers]{#label} | ... |`. The beginning of its prose and the error
messages of its outputs are kept as text, because results show them. Of everything beyond, and of
its code, only the words are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chapter_parser import ERRORS, PREPARATION, SEE_ALSO
from docutils import nodes

TEXT_LIMIT = 120  # characters of prose that are kept as text
MESSAGE_LIMIT = 160  # characters of each error message

# A word of one syllable that stands alone: 런, 값, 키. It keeps no particle.
NOUN = re.compile(r"(?<![가-힣A-Za-z0-9_`)])[가-힣](?![가-힣])")
_WORD = re.compile(r"--[a-z][a-z0-9-]+|[A-Za-z_][A-Za-z0-9_]*|\d[\d.,]*\d|[가-힣]+|\d")
_NAMES = re.compile(
    r"--[a-z][a-z0-9-]+"  # options of a command
    r"|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b"  # environment variables and constants
    r"|(?<=\.)[a-z]\w*_\w+|\b[a-z]\w*_\w+(?=\()"  # functions and attributes of two words or more
    r"|\bmlflow(?:[. ][a-z_]+)+"  # mlflow.autolog, mlflow gc
    r"|\b[A-Z][a-z]+(?:[A-Z]\w*)+\b"  # classes
)
_CHANGING = re.compile(r"\b[0-9a-f]{12,}\b|\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.\d]*")
_MESSAGE = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Warning|Exit|Interrupt)\b|.*\b(?:ERROR|WARNING|Warning)\b).*",
    re.M,
)
# Endings that add nothing to a word kept for search alone: without them the file is a tenth
# smaller. The script that searches strips these and many more by itself.
_ENDING = re.compile(
    "(?:으로는|에서는|으로|에서|에게|에는|까지|부터|처럼|라는|라고|[하되]는|[하되]고|[하되]면|[하되]지"
    "|[한된]다|[했됐]다|이?다|이[고며면]|[을를은는이가의에로와과도만])$"
)
_PARTICLES = set("을를은는이가의에로와과도만") | {"", "다", "한", "수", "으로", "된다", "한다"}


@dataclass
class Section:
    """A heading and what stands under it, up to the next heading of any level."""

    heading: str
    anchor: str  # empty for the page itself
    error: bool = False  # it explains an error that a reader has met
    text: str = ""
    messages: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)  # of the rest of it
    asked: list[str] = field(default_factory=list)  # questions in words that it lacks


def sections_of(doctree: nodes.document, labels: set[str], text: bool = True) -> list[Section]:
    """Sections of a page in reading order; the first one is the page itself.

    `labels` are the anchors that the author wrote: a section that has one is linked by it.
    Without `text` only the headings are taken.
    """
    found = []
    for node in doctree.findall(nodes.section):
        heading = _heading(node)
        if heading == SEE_ALSO or heading.startswith(PREPARATION):  # nobody looks for these
            continue
        anchor = next((name for name in node["ids"] if name in labels), node["ids"][0])
        inside = isinstance(node.parent, nodes.section)
        section = Section(heading, anchor if inside else "")
        section.error = inside and _heading(node.parent) == ERRORS
        if text:
            _fill(section, node)
        found.append(section)
        found += _rows(node) if text else []
    return found


def _rows(section: nodes.section) -> list[Section]:
    """Rows of the section's tables that have an address."""
    found = []
    for row in section.findall(nodes.row):
        named = next((node for node in row.findall(nodes.inline) if node["ids"]), None)
        if named is None or _enclosing_section(row) is not section:
            continue
        prose = " ".join(_text(entry) for entry in row.children if named not in entry.findall())
        answer = Section(_text(named), named["ids"][0])
        answer.text, rest = _split(prose)
        answer.words = sorted(words_of(rest) - words_of(f"{answer.heading} {answer.text}"))
        found.append(answer)
    return found


def _enclosing_section(node: nodes.Node) -> nodes.Node:
    while not isinstance(node, nodes.section):
        node = node.parent
    return node


def _fill(section: Section, node: nodes.section) -> None:
    prose, code, messages = [], [], []
    for block in _blocks(node):
        if not isinstance(block, nodes.literal_block):
            prose.append(_text(block))
        elif {"traceback", "stderr"} & set(block["classes"]):
            messages += _messages(block.astext())
        elif "output" not in block["classes"]:
            code.append(_CHANGING.sub("", block.astext()))
    section.text, rest = _split(" ".join(prose))
    section.messages = _new(messages, f"{section.heading} {section.text}")
    shown = words_of(" ".join([section.heading, section.text, *section.messages]))
    section.words = sorted(words_of(f"{rest} {' '.join(_NAMES.findall(' '.join(code)))}") - shown)


def _blocks(node: nodes.Element) -> Iterator[nodes.Element]:
    """Paragraphs, table cells and code of a section, without those of the sections inside it."""
    for child in node.children:
        if isinstance(child, nodes.literal_block | nodes.term):
            yield child
        elif isinstance(child, nodes.paragraph):
            if not _only_a_link(child) and "needs" not in child["classes"]:
                yield child
        elif isinstance(child, nodes.section | nodes.title | nodes.raw | nodes.comment):
            continue
        # The answers at the top say what the sections say, and link there.
        elif isinstance(child, nodes.Element) and "answers" not in child["classes"]:
            yield from _blocks(child)


def _only_a_link(paragraph: nodes.paragraph) -> bool:
    """Whether this is an entry of a list of links within the book."""
    match [child for child in paragraph.children if child.astext().strip()]:
        case [nodes.Element() as child]:
            return bool(child.get("internal"))
    return False


def _heading(section: nodes.Element) -> str:
    return _text(section.next_node(nodes.title))


def _text(node: nodes.Node) -> str:
    return re.sub(r"\s+", " ", node.astext()).strip()


def _split(prose: str) -> tuple[str, str]:
    """The beginning of the prose, cut between words, and the rest."""
    if len(prose) <= TEXT_LIMIT:
        return prose, ""
    cut = max(prose.rfind(" ", 0, TEXT_LIMIT), 0) or TEXT_LIMIT
    return prose[:cut], prose[cut:].lstrip()


def _messages(output: str) -> list[str]:
    """The lines of an output that name an error or warning, without IDs and times."""
    lines = [_CHANGING.sub("", line) for line in _MESSAGE.findall(output)]
    return [re.sub(r"\s+", " ", line)[:MESSAGE_LIMIT].strip() for line in lines]


def _new(messages: list[str], shown: str) -> list[str]:
    """Messages that say something which is not said before."""
    seen, kept = words_of(shown), []
    for message in messages:
        if len(words_of(message) - seen) > 2:
            kept.append(message)
            seen |= words_of(message)
    return kept


def words_of(text: str) -> set[str]:
    """Distinct words in lower case, long Korean ones without their endings."""
    found = _WORD.findall(text.lower())
    bare = {_ENDING.sub("", word) if len(word) > 2 else word for word in found}
    return bare - _PARTICLES
