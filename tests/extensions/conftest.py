"""What the tests of the extensions share."""

import pytest
from mlflow_names import inventory
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


@pytest.fixture(scope="session")
def names():
    """Every public name of the installed MLflow."""
    return inventory()


def notebook(*cells):
    """A notebook in memory; a cell given as str is code, as a one-tuple Markdown."""
    nodes = [
        new_markdown_cell(cell[0]) if isinstance(cell, tuple) else new_code_cell(cell)
        for cell in cells
    ]
    return new_notebook(cells=nodes)
