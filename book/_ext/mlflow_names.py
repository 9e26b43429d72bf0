"""Every public name of the installed MLflow, each with the address of its official page.

Lists come from the package itself. The addresses follow the layout of MLflow's documentation of
the same version: autodoc (Python), sphinx-click (command line), protobuf (REST), and the source
at the version's tag for what has no page.
"""

import importlib.metadata
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

DOCS = "https://mlflow.org/docs/{version}/api_reference"
SOURCE = "https://github.com/mlflow/mlflow/blob/v{version}"


@dataclass(frozen=True)
class Name:
    """A public name: `name` as it is used, `url` its official page, `note` one fact about it."""

    name: str
    url: str
    note: str = ""


Inventory = dict[str, list[Name]]


def installed_version() -> str:
    """Version of the installed MLflow, found without importing it."""
    return importlib.metadata.version("mlflow")


def inventory() -> Inventory:
    """The names by kind: fluent, client, cli, option, env, rest, scheme, table, auth_table.

    Imports MLflow with its server (2 s).
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a build calls nobody
    docs, source = (base.format(version=installed_version()) for base in (DOCS, SOURCE))
    return {
        "fluent": _fluent(docs),
        "client": _client(docs),
        "cli": _commands(docs),
        "option": _server_options(docs),
        "env": _variables(docs),
        "rest": _rest_paths(docs, source),
        "scheme": _artifact_schemes(source),
        **_tables(source),
    }


def _fluent(docs: str) -> list[Name]:
    import mlflow

    page = f"{docs}/python_api/mlflow.html#mlflow."
    modules = {name for name in mlflow.__all__ if inspect.ismodule(getattr(mlflow, name, None))}
    return [
        Name(name, f"{docs}/python_api/mlflow.{name}.html" if name in modules else page + name)
        for name in sorted(set(mlflow.__all__), key=str.lower)
    ]


def _client(docs: str) -> list[Name]:
    from mlflow import MlflowClient

    page = f"{docs}/python_api/mlflow.client.html#mlflow.client.MlflowClient."
    return [Name(name, page + name) for name in dir(MlflowClient) if not name.startswith("_")]


def _leaves(
    command: click.Command, path: tuple[str, ...] = ("mlflow",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Leaf commands of a click tree, with their words."""
    for name, child in getattr(command, "commands", {}).items():
        yield from _leaves(child, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


def _commands(docs: str) -> list[Name]:
    from mlflow.cli import cli

    words = [path for path, _ in _leaves(cli)]
    return [Name(" ".join(path), f"{docs}/cli.html#{'-'.join(path)}") for path in sorted(words)]


def _server_options(docs: str) -> list[Name]:
    from mlflow.cli import server

    return [
        Name(
            option.opts[0],
            f"{docs}/cli.html#cmdoption-mlflow-server-{option.opts[0].strip('-')}",
            " ".join([*option.opts[1:], *option.secondary_opts, str(option.envvar or "")]).strip(),
        )
        for option in server.params
    ]


def _variables(docs: str) -> list[Name]:
    from mlflow import environment_variables as module

    page = f"{docs}/python_api/mlflow.environment_variables.html#mlflow.environment_variables."
    public = [name for name in dir(module) if name.isupper() and not name.startswith("_")]
    return [Name(getattr(module, name).name, page + name) for name in sorted(public)]


def _rest_paths(docs: str, source: str) -> list[Name]:
    from mlflow.server.handlers import get_endpoints

    described = _described_calls()
    paths: dict[str, tuple[set[str], Callable]] = {}
    for path, handler, methods in get_endpoints():
        if path.startswith("/api/"):
            paths.setdefault(path, (set(), handler))[0].update(methods)
    names = []
    for path, (methods, handler) in sorted(paths.items()):
        call = described.get(_shape(path))
        url = f"{docs}/rest-api.html#{call}" if call else _source_of(handler, source)
        names.append(Name(path, url, " ".join(sorted(methods))))
    return names


def _described_calls() -> dict[str, str]:
    """Shape of a path -> anchor on the page of the REST API, for the public calls."""
    from mlflow.protos import (
        databricks_pb2,
        mlflow_artifacts_pb2,
        model_registry_pb2,
        service_pb2,
        webhooks_pb2,
    )

    calls = {}
    for module in (service_pb2, model_registry_pb2, mlflow_artifacts_pb2, webhooks_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                rpc = method.GetOptions().Extensions[databricks_pb2.rpc]
                if rpc.visibility == databricks_pb2.PUBLIC:
                    for endpoint in rpc.endpoints:
                        version = f"{endpoint.since.major}.{endpoint.since.minor}"
                        anchor = method.full_name.replace(".", "").lower()
                        calls[_shape(f"/api/{version}{endpoint.path}")] = anchor
    return calls


def _shape(path: str) -> str:
    """A path without the names of its parameters, which Flask and protobuf write differently."""
    return "/".join("{}" if part.startswith(("<", "{")) else part for part in path.split("/"))


def _artifact_schemes(source: str) -> list[Name]:
    """How an artifact URI may begin; a path without a scheme is no name."""
    from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry

    registered = _artifact_repository_registry._registry
    return [
        Name(f"{scheme}:/", _source_of(repository, source), repository.__name__)
        for scheme, repository in sorted(registered.items())
        if scheme
    ]


def _tables(source: str) -> Inventory:
    from mlflow.server.auth.db.models import Base as AuthBase
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.model_registry.dbmodels import models as _registry  # noqa: F401
    from mlflow.store.tracking.dbmodels import models as _tracking  # noqa: F401

    def tables(base: Any) -> list[Name]:
        return sorted(
            (
                Name(mapper.local_table.name, _source_of(mapper.class_, source))
                for mapper in base.registry.mappers
            ),
            key=lambda table: table.name,
        )

    return {"table": tables(Base), "auth_table": tables(AuthBase)}


def _source_of(thing: Callable, source: str) -> str:
    """Address of the line where a function or class is defined."""
    thing = inspect.unwrap(thing)
    line = inspect.getsourcelines(thing)[1]
    return f"{source}/{thing.__module__.replace('.', '/')}.py#L{line}"
