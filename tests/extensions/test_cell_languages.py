"""A cell with a magic is coloured as what it holds."""

import pytest
from cell_languages import CellMagic, language_below_the_magic, python_that_runs
from chapter_parser import is_hidden, read_source
from pygments.token import Comment, Error
from table_of_contents import notebooks

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


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 1\n", "x = 1\n"),
        ("%%capture log\nx = 1\n", "x = 1\n"),
        ("%%time\n!ls\n", "get_ipython().system('ls')\n"),
        ("%%bash\nls\n", ""),
        ("%%writefile work/a.py\nx = 1\n", ""),
    ],
)
def test_python_that_runs_stands_below_the_magics_that_only_watch_it(source, python):
    assert python_that_runs(source) == python


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
