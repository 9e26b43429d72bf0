"""How much of MLflow's API the chapters use, counted in their executed code cells."""

import ast

import mlflow
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from mlflow import MlflowClient

from tests.chapters.contents import chapters_of_the_book
from tests.conftest import ROOT

# What the chapters reach today; a new part of the book raises it.
LEAST_FLUENT = 80
LEAST_CLIENT = 75


def code_of(notebook) -> list[str]:
    """The Python of a chapter's cells, scripts that it writes included."""
    cells = nbformat.read(notebook, as_version=4).cells
    return [_python(cell.source) for cell in cells if cell.cell_type == "code"]


def _python(cell: str) -> str:
    first, _, rest = cell.partition("\n")
    if first.startswith("%%"):
        return rest if first.startswith("%%writefile") and first.endswith(".py") else ""
    return TransformerManager().transform_cell(cell)


def names_used(chapter: list[str]) -> set[tuple[str, str]]:
    """Names of MLflow that the cells of a chapter use: ("mlflow", "log_param").

    The owner is "mlflow" or "MlflowClient", also for a variable that was given a client.
    """
    nodes = [node for code in chapter for node in ast.walk(ast.parse(code))]
    owners = {"mlflow": "mlflow", "MlflowClient": "MlflowClient"}
    for node in nodes:
        if isinstance(node, ast.Assign | ast.NamedExpr) and _name_of(node.value) == "MlflowClient":
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            owners |= {_name_of(target): "MlflowClient" for target in targets}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    return {
        (owners[_name_of(node.value)], node.attr)
        for node in attributes
        if _name_of(node.value) in owners
    }


def _name_of(node: ast.AST) -> str | None:
    """Last part of a name, or of the name of what is called: MlflowClient(...) and client."""
    if isinstance(node, ast.Call):
        return _name_of(node.func)
    return getattr(node, "attr", getattr(node, "id", None))


@pytest.fixture(scope="module")
def used() -> set[tuple[str, str]]:
    chapters = chapters_of_the_book(ROOT)
    return set().union(*(names_used(code_of(path)) for path in chapters))


def report(what: str, names: set[str], covered: set[str]) -> None:
    print(
        f"\n{what}: {len(covered)} of {len(names)}; not used: {', '.join(sorted(names - covered))}"
    )


def test_the_fluent_api_is_used(used, capsys):
    names = set(mlflow.__all__)
    covered = {name for owner, name in used if owner == "mlflow" and name in names}
    with capsys.disabled():
        report("fluent API", names, covered)
    assert len(covered) >= LEAST_FLUENT


def test_the_client_is_used(used, capsys):
    names = {name for name in dir(MlflowClient) if not name.startswith("_")}
    covered = {name for owner, name in used if owner == "MlflowClient" and name in names}
    with capsys.disabled():
        report("MlflowClient", names, covered)
    assert len(covered) >= LEAST_CLIENT


def test_only_real_uses_count():
    chapter = [
        "c = mlflow.MlflowClient(uri)",
        "mlflow.log_param('a', 1)\nc.get_run(i)\nMlflowClient().log_batch(i)",
        "'mlflow.log_metric'\nx.log_dict",
    ]
    assert names_used(chapter) == {
        ("mlflow", "MlflowClient"),
        ("mlflow", "log_param"),
        ("MlflowClient", "get_run"),
        ("MlflowClient", "log_batch"),
    }
