"""The inventory is what the installed package says."""

import re

import mlflow
import pytest
from api_index import anchor
from mlflow import MlflowClient
from mlflow.environment_variables import _EnvironmentVariable
from mlflow.server.handlers import get_endpoints
from mlflow.store.tracking.dbmodels.models import Base

DOCS = f"https://mlflow.org/docs/{mlflow.__version__}/api_reference/"
SOURCE = f"https://github.com/mlflow/mlflow/blob/v{mlflow.__version__}/mlflow/"


def listed(names, kind):
    return [entry.name for entry in names[kind]]


def help_of(runner_args) -> str:
    from click.testing import CliRunner
    from mlflow.cli import cli

    return CliRunner().invoke(cli, [*runner_args, "--help"]).output


def test_python_names_are_those_of_the_package(names):
    assert sorted(listed(names, "fluent")) == sorted(set(mlflow.__all__))
    public = [name for name in vars(MlflowClient) if not name.startswith("_")]
    assert set(public) <= set(listed(names, "client"))
    assert all(hasattr(MlflowClient, name) for name in listed(names, "client"))


def test_every_command_answers_to_help(names):
    for command in listed(names, "cli"):
        output = help_of(command.split()[1:])
        assert output.startswith("Usage:") and "Commands:\n" not in output, command
    for group in re.findall(r"(?m)^  ([a-z-]+) ", help_of([]).partition("Commands:")[2]):
        assert any(c.split()[1] == group for c in listed(names, "cli")), group


def test_server_options_are_those_of_its_help(names):
    shown = set(re.findall(r"(?m)^ +(?:-\w, )?(--[a-z-]+)", help_of(["server"]))) - {"--help"}
    assert set(listed(names, "option")) == shown


def test_variables_are_the_public_ones(names):
    module = mlflow.environment_variables
    public = {
        value.name
        for name, value in vars(module).items()
        if isinstance(value, _EnvironmentVariable) and not name.startswith("_")
    }
    assert set(listed(names, "env")) == public


def test_schemes_are_those_that_mlflow_says_it_knows(names):
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with pytest.raises(MlflowException) as error:
        get_artifact_repository("unknown://a/b")
    said = re.findall(r"'([\w-]+)'", str(error.value).partition("schemes are:")[2])
    assert set(listed(names, "scheme")) == {f"{scheme}:/" for scheme in said}


def test_paths_and_tables_are_those_of_the_server(names):
    paths = {path for path, _, _ in get_endpoints() if path.startswith("/api/")}
    assert set(listed(names, "rest")) == paths
    assert set(listed(names, "table")) == set(Base.metadata.tables)
    assert len(names["auth_table"]) == 3


def test_each_name_has_one_line_and_an_official_address(names):
    anchors = [anchor(kind, entry.name) for kind in names for entry in names[kind]]
    assert len(anchors) == len(set(anchors))
    for kind, entries in names.items():
        assert len(entries) == len(set(listed(names, kind)))
        for entry in entries:
            assert entry.url.startswith((DOCS, SOURCE)), entry


@pytest.mark.parametrize(
    ("kind", "name", "url"),
    [
        ("fluent", "log_param", "python_api/mlflow.html#mlflow.log_param"),
        ("client", "get_run", "python_api/mlflow.client.html#mlflow.client.MlflowClient.get_run"),
        ("cli", "mlflow experiments csv", "cli.html#mlflow-experiments-csv"),
        ("option", "--allowed-hosts", "cli.html#cmdoption-mlflow-server-allowed-hosts"),
        ("rest", "/api/2.0/mlflow/runs/create", "rest-api.html#mlflowmlflowservicecreaterun"),
    ],
)
def test_addresses_follow_the_layout_of_the_documentation(names, kind, name, url):
    assert next(entry.url for entry in names[kind] if entry.name == name) == DOCS + url
