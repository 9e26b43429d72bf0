"""The index holds what it must, and stays small."""

import json

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.docutils_ import Parser
from search_index import Glossary, glossary_of, index_of
from search_sections import TEXT_LIMIT, Section, sections_of
from sphinx import addnodes
from table_of_contents import chapters_of_the_book, documents_of_the_book

from tests.conftest import ROOT
from tests.search.built_search import compressed

DOCUMENTS = documents_of_the_book(ROOT)
# Bytes with gzip of what is loaded before the first answer: 312 kB when the book has 60 chapters.
LIMIT = 5_200 * len(chapters_of_the_book(ROOT))


@pytest.fixture(scope="module")
def folder(site):
    return site / "_static" / "search"


@pytest.fixture(scope="module")
def index(folder):
    return read(folder / "index.js")


def read(file) -> dict:
    text = file.read_text()
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_what_is_loaded_before_the_first_answer_is_small(folder, capsys):
    sizes = {path.name: compressed(path) for path in folder.iterdir() if path.name != "rest.js"}
    with capsys.disabled():
        print(f"\nsearch: {sum(sizes.values()) / 1000:.1f} kB before the first answer: {sizes}")
    assert sum(sizes.values()) <= LIMIT


def test_every_page_of_the_book_is_in_it(index):
    assert [address for address, _, _ in index["pages"]] == [f"{name}.html" for name in DOCUMENTS]
    assert len(index["headings"]) == sum(count for _, _, count in index["pages"])


def test_columns_of_the_index_fit_each_other(folder, index):
    shown = read(folder / "rest.js")
    columns = [
        index["headings"],
        index["anchors"],
        index["errors"],
        shown["texts"],
        shown["messages"],
    ]
    assert len(set(map(len, columns))) == 1


def test_no_index_of_sphinx_is_shipped_beside_it(site):
    assert not (site / "searchindex.js").exists()
    for name in DOCUMENTS:
        assert "searchtools.js" not in (site / f"{name}.html").read_text()


PAGE = """
Chapter
=======

First sentence with `alpha`.

.. _the-recipe:

Recipe: log_thing
-----------------

{prose}

::

    client.read_artifact_back(path)
    mlflow server --allowed-hosts x  # MLFLOW_NEW_VARIABLE

See also links
--------------

Text.
"""


def doctree(prose: str) -> nodes.document:
    settings = {"report_level": 5, "doctitle_xform": False}
    return publish_doctree(PAGE.format(prose=prose), settings_overrides=settings)


def test_a_section_is_linked_by_the_label_of_its_author():
    page, recipe, _ = sections_of(doctree("Prose."), {"the-recipe"})
    assert (page.heading, page.anchor, page.text) == ("Chapter", "", "First sentence with alpha.")
    assert (recipe.heading, recipe.anchor) == ("Recipe: log_thing", "the-recipe")


def test_names_in_code_are_found_and_the_rest_of_code_is_not():
    recipe = sections_of(doctree("Prose."), set())[1]
    assert {"read_artifact_back", "--allowed-hosts", "mlflow_new_variable"} <= set(recipe.words)
    assert "path" not in recipe.words


def test_words_beyond_the_text_that_is_kept_are_found():
    recipe = sections_of(doctree("filler " * TEXT_LIMIT + "아티팩트를 needle"), set())[1]
    assert len(recipe.text) <= TEXT_LIMIT
    assert {"아티팩트", "needle"} <= set(recipe.words)


def test_a_page_that_asks_for_it_is_found_by_headings_only():
    recipe = sections_of(doctree("needle"), set(), text=False)[1]
    assert (recipe.text, recipe.words) == ("", [])


def test_a_row_with_an_address_is_found_as_a_section():
    source = "# Page\n\n## Settings\n\n| a | b |\n|---|---|\n"
    source += "| [Change the password]{#page-password} | `ALTER ROLE` first |\n| other | row |\n"
    options = {"myst_enable_extensions": ["attrs_inline"], "doctitle_xform": False}
    tree = publish_doctree(source, parser=Parser(), settings_overrides=options)
    *_, row = sections_of(tree, set())
    assert (row.heading, row.anchor) == ("Change the password", "page-password")
    assert row.text == "ALTER ROLE first"


def output(text: str, kind: str) -> Section:
    tree = doctree("Prose.")
    recipe = list(tree.findall(nodes.section))[1]
    recipe += nodes.literal_block(text, text, classes=["output", kind])
    return sections_of(tree, set())[1]


def test_the_message_of_an_error_is_found_without_what_changes_each_time():
    message = "RestException: No run with id 0123456789abcdef0123456789abcdef exists"
    assert output(f"lines of a traceback\n{message}", "traceback").messages == [
        "RestException: No run with id exists"
    ]


def test_other_output_is_not_in_the_index():
    section = output("RuntimeError: printed by the recipe", "stream")
    assert section.messages == [] and "runtimeerror" not in section.words


def test_distances_between_sections_survive_json_and_back():
    """The characters of the postings, written here and read by engine.js, for any distance."""
    far = [0, 1, 58, 59, 60, 61, 90, 120, 160, 400, 1400]
    sections = [Section(f"s{n}", "", words=["w"] if n in far else []) for n in range(max(far) + 1)]
    words = json.loads(json.dumps(index_of([("a", "", sections)])[1]))["words"]
    number, read = -1, []
    for character in words.removeprefix("w\t"):
        code = ord(character)
        code -= 0x22 * (code >= 0xA1)
        code -= code > ord("\\")
        number += code - 0x22
        read.append(number)
    assert read == far


def test_a_question_is_found_by_its_words_and_shown_nowhere():
    section = Section("Delete runs", "run-delete", text="Gone.", asked=["remove an attempt"])
    index, rest = index_of([("a", "", [section])])
    assert "attempt\t\t\t#" in index["words"].split("\n")
    assert "attempt" not in json.dumps(rest)


def test_a_name_of_several_words_is_kept_as_one():
    section = Section("Registry", "registry", text="A model registry holds versions.")
    index, _ = index_of([("a", "", [section])], Glossary([["레지스트리", "model registry"]]))
    assert "model registry\t#" in index["words"].split("\n")


def test_a_row_of_the_glossary_has_synonyms_and_labels_or_words_of_elsewhere():
    rows = [["런", "run", "실행, 학습 한 번", "뜻은 낱말이 아니다"], ["모델", "model", "", "뜻"]]
    lines = [
        nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in row))
        for row in [*rows, ["런", "job, task"]]
    ]
    lines[0] += nodes.entry("", addnodes.pending_xref(reftarget="run-start"))
    found = glossary_of(nodes.table("", nodes.tgroup("", nodes.tbody("", *lines))))
    assert found.synonyms == [["런", "run", "실행", "학습 한 번"], ["모델", "model"]]
    assert found.linked == [["run-start"], []]
    assert found.elsewhere == [["런", "job", "task"]]


def test_the_glossary_leads_to_sections_of_the_book():
    sections = [Section("Delete runs", "run-delete"), Section("Start a run", "run-start")]
    glossary = Glossary([["모델"], ["런", "run"]], [[], ["run-start", "gone"]], [["런", "job"]])
    index, _ = index_of([("a", "", sections)], glossary)
    assert index["linked"] == ["", "$"]
    assert index["elsewhere"] == [[1, "job"]]
    with pytest.raises(KeyError, match="실험"):
        index_of([("a", "", sections)], Glossary([["런"]], [[]], [["실험", "project"]]))
