"""Every page is there as plain Markdown, with what a reader of the HTML sees as text."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from chapter_parser import is_hidden, read_source
from docutils import nodes
from docutils.core import publish_doctree
from docutils.utils import new_document
from markdown_it import MarkdownIt
from markdown_pages import markdown_of, opening_of, overview
from myst_parser.docutils_ import Parser
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT

DOCUMENTS = documents_of_the_book(ROOT)
CHAPTERS = [name for name in DOCUMENTS if name.startswith("notebooks/")]
_ROLE = re.compile(r"\{[\w:.-]+\}$")  # if code follows
_LINE = re.compile(r"\{[.#][\w -]+\}|^:::|^\([\w-]+\)=")
_ANCHOR = re.compile(r'<a id="([^"]+)">')


class Page:
    """A page in Markdown, read as CommonMark."""

    def __init__(self, text: str):
        self.text = text
        self.blocks = MarkdownIt().enable("table").parse(text)
        self.inline = [t for block in self.blocks for t in block.children or ()]

    @property
    def code(self) -> list[str]:
        return [block.content.rstrip("\n") for block in self.blocks if block.type == "fence"]

    @property
    def links(self) -> set[str]:
        return {str(t.attrs["href"]) for t in self.inline if t.type == "link_open"}

    @property
    def anchors(self) -> set[str]:
        return {*_ANCHOR.findall(self.text)}

    def myst(self) -> list[str]:
        """What only MyST reads: roles, directives, attributes, labels."""
        found = [block.info for block in self.blocks if block.info.startswith("{")]
        found += [
            mark for t in self.inline if t.type == "text" for mark in _LINE.findall(t.content)
        ]
        for block in self.blocks:
            for text, following in pairwise(block.children or ()):
                if text.type == "text" and following.type == "code_inline":
                    found += _ROLE.findall(text.content)
        return found


def dead_links(page: Page, file: Path, anchors: dict[Path, set[str]]) -> list[str]:
    """Links of a page to no file of the site, or to no anchor of a page in Markdown."""
    found = []
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        known = anchors.get(target, set())
        if not target.is_file() or parts.fragment and unquote(parts.fragment) not in known:
            found.append(link)
    return found


@pytest.fixture(scope="module")
def written(site) -> dict[str, Page]:
    return {name: Page((site / f"{name}.md").read_text()) for name in DOCUMENTS}


@pytest.fixture(scope="module")
def anchors(site, written) -> dict[Path, set[str]]:
    return {site / f"{name}.md": page.anchors for name, page in written.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_says_where_its_markdown_is(pages, name):
    head = BeautifulSoup(pages[name].read_text().partition("</head>")[0], "html.parser")
    [link] = head.select('link[rel=alternate][type="text/markdown"]')
    assert (pages[name].parent / str(link["href"])).resolve() == pages[name].with_suffix(".md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_plain_and_its_links_are_alive(site, written, anchors, name):
    page = written[name]
    assert page.myst() == []
    assert "base64," not in page.text
    assert dead_links(page, site / f"{name}.md", anchors) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_it_has_the_code_that_is_on_the_page_and_no_check(written, name):
    code = [cell for cell in read_source(ROOT / f"{name}.ipynb").cells if cell.cell_type == "code"]
    inputs = [c for c in code if "remove-input" not in c.metadata.get("tags", [])]
    shown = [cell.source.strip("\n") for cell in inputs if not is_hidden(cell) and cell.source]
    assert [source for source in shown if source not in written[name].code] == []
    hidden = {cell.source.strip("\n") for cell in code if is_hidden(cell)} - {*shown}
    assert [source for source in hidden if source in written[name].code] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_has_the_addresses_and_outputs_of_the_page(pages, written, name):
    soup = BeautifulSoup(pages[name].read_text(), "html.parser")
    labels = {str(section["id"]) for section in soup.select("article section[id]")}
    assert {label for label in labels if not re.fullmatch(r"id\d+", label)} <= written[name].anchors
    outputs = [pre.get_text().strip("\n") for pre in soup.select(".cell_output pre")]
    assert [output for output in outputs if output not in written[name].code] == []
    rows = [t for t in written[name].blocks if t.type == "tr_open"]
    assert len(rows) == len(soup.select("article tr"))


def test_the_overview_names_every_page(site, written):
    page = Page((site / "llms.txt").read_text())
    title, sentence = opening_of(written[DOCUMENTS[0]].text)
    assert page.text.startswith(f"# {title}\n\n> {sentence}\n")
    assert page.links == {f"{name}.md" for name in DOCUMENTS[1:]}
    lines = re.findall(r"^- \[(.+?)\]\((.+?)\.md\): (.+)$", page.text, re.M)
    assert [name for _, name, _ in lines] == DOCUMENTS[1:]
    assert [(title, first) for title, _, first in lines] == [
        opening_of(written[name].text) for name in DOCUMENTS[1:]
    ]


SOURCE = """(page)=
# Page `a|b`

First *sentence* with [a link](https://example.com/a). Second one.

:::{admonition} Title
:class: tip
In a box: `` ` ``.
:::

| a | b |
|---|---|
| `x\\|y` | [here]{#row} |

1. one

   ```
   print("```")
   ```
2. 2 \\* 3 \\< 4
   - deeper
"""
MARKDOWN = """<a id="page-a-b"></a><a id="page"></a>

# Page `a|b`

First *sentence* with [a link](https://example.com/a). Second one.

> **Title**
>
> In a box: `` ` ``.

| a | b |
|---|---|
| `x\\|y` | <a id="row"></a>here |

1. one

   ````
   print("```")
   ````
2. 2 \\* 3 \\< 4
   - deeper
"""


def test_what_myst_writes_is_written_plainly():
    options = {
        "myst_enable_extensions": ["attrs_inline", "colon_fence"],
        "doctitle_xform": False,
        "report_level": 5,
    }
    tree = publish_doctree(SOURCE, parser=Parser(), settings_overrides=options)
    assert markdown_of(tree) == MARKDOWN
    assert opening_of(MARKDOWN) == ("Page `a|b`", "First *sentence* with a link.")
    assert opening_of("# Only a title\n") == ("Only a title", "")
    pages = [("i.md", "", "# Book\n\nA book. More.\n"), ("p.md", "Part", MARKDOWN)]
    said = "## Part\n\n- [Page `a|b`](p.md): First *sentence* with a link.\n"
    assert overview(pages).startswith("# Book\n\n> A book.\n") and said in overview(pages)


def test_a_dataframe_is_a_table():
    shown = """<div><style scoped>th { color: red }</style><table><thead>
      <tr><th></th><th></th><th>n</th></tr></thead><tbody>
      <tr><th rowspan="2" valign="top">S3</th><th>PUT a|b</th><td>1</td></tr>
      <tr><th>GET &lt;a&gt;</th><td>2</td></tr></tbody></table></div>"""
    page = new_document("")
    page += nodes.raw("", shown, format="html", classes=["output", "text_html"])
    page += nodes.raw("", '<div class="find-field"><input></div>', format="html")
    assert markdown_of(page) == (
        "|  |  | n |\n|---|---|---|\n| S3 | PUT a\\|b | 1 |\n|  | GET \\<a> | 2 |\n"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See {ref}`run <run-start>`.", ["{ref}"]),
        ("```{note}\nx\n```", ["{note}"]),
        (":::{note}\nx\n:::", [":::"]),
        ("(run-start)=\n", ["(run-start)="]),
        ("{.answers}\n", ["{.answers}"]),
        ("A {name}, in code: `{ref}` and\n\n```python\n{ref}\n```", []),
    ],
)
def test_what_is_left_of_myst_is_found(text, found):
    assert {*Page(text).myst()} == {*found}


def test_a_dead_link_is_found(tmp_path):
    page = Page("[a](gone.md) [b](#gone) [c](page.md#here) [d](https://example.com)")
    file = tmp_path / "page.md"
    file.write_text("")
    assert {*dead_links(page, file, {file: {"here"}})} == {"gone.md", "#gone"}
