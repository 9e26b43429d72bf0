"""A cell with a magic is coloured as what it holds."""

import pytest
from cell_languages import CellMagic, language_below_the_magic
from chapters import is_hidden, notebooks, read_source
from pygments.token import Comment, Error

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("%%bash -s {uri}\ncurl $1\n", "bash"),
        ("%%writefile work/a.json\n{}\n", "json"),
        ("%%writefile work/a.conf\nlisten 80;\n", "nginx"),
        ("%%writefile work/a.py\nimport os\n", "python"),
        ("%%capture log\nimport os\n", "python"),
        ("import os\n# %%bash\n", None),
    ],
)
def test_the_language_is_that_of_the_magic_or_the_file(source, language):
    assert language_below_the_magic(source) == language


def test_every_cell_of_the_book_is_read_by_its_lexer():
    faults = []
    for document, path, _ in notebooks(ROOT):
        for cell in read_source(path).cells:
            language = cell.cell_type == "code" and language_below_the_magic(cell.source)
            if language and not is_hidden(cell):
                tokens = list(CellMagic(language=language).get_tokens(cell.source))
                assert tokens[0][0] is Comment.Preproc
                wrong = [text for kind, text in tokens if kind is Error]
                faults += [f"{document}, {language}: {text}" for text in wrong]
    assert faults == []
