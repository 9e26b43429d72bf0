"""Which user may do what, for every route of MLflow 3.6.0.

MLflow's basic-auth asks for permissions on most routes of runs and models, and lets all others
through: files, traces, webhooks, GraphQL. Here a route that neither these tables nor MLflow know is
refused. A request is read as its handler reads it, by the same protobuf message: MLflow looks for
`run_id` where the handler takes `runId` too. MLflow's own checks come afterwards, as before.

Names in the tables are endpoints of Flask: the functions in mlflow.server that answer.
"""

import os
import posixpath
from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlparse

from flask import g, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval, GetRun, SearchDatasets
from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, auth, handlers
from mlflow.server.auth.db.models import SqlExperimentPermission, SqlRegisteredModelPermission
from mlflow.server.auth.permissions import Permission, get_permission
from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.store.tracking.dbmodels.models import (
    SqlExperiment,
    SqlLoggedModel,
    SqlRun,
    SqlTraceInfo,
)
from mlflow.utils.mlflow_tags import MLFLOW_ARTIFACT_LOCATION
from mlflow.utils.uri import validate_path_is_safe
from sqlalchemy import func, literal, or_

# Open to every user. MLflow takes what the user may not read out of the results of searches.
EVERYBODY = """
    serve serve_static_file static version prometheus_metrics serve_gateway_proxy _not_implemented
    _create_registered_model _search_experiments _search_registered_models _search_model_versions
    _search_runs _search_logged_models _graphql
"""
# What the user needs on each experiment that the request names: itself, or by its runs, logged
# models, traces and datasets.
ON_EXPERIMENTS = {
    "can_read": """
        _get_experiment _get_experiment_by_name _get_run _list_artifacts _get_metric_history
        get_metric_history_bulk_interval_handler serve_get_metric_history_bulk
        serve_get_metric_history_bulk_interval serve_search_datasets serve_artifacts
        _get_logged_model _list_logged_model_artifacts serve_get_logged_model_artifact
        _get_trace_info_v3 _batch_get_traces _search_traces_v3 _calculate_trace_filter_correlation
        _deprecated_get_trace_info_v2 _deprecated_search_traces_v2 serve_get_trace_artifact
        _get_assessment _list_scorers _list_scorer_versions _get_scorer _get_dataset_handler
        _get_dataset_records_handler _get_dataset_experiment_ids_handler
        _search_evaluation_datasets_handler
    """,
    "can_update": """
        _update_experiment _set_experiment_tag _delete_experiment_tag _create_run _update_run
        _log_metric _log_param _log_batch _log_model _log_inputs _log_outputs _set_tag _delete_tag
        serve_upload_artifact serve_create_promptlab_run _create_logged_model
        _finalize_logged_model _set_logged_model_tags _log_logged_model_params _start_trace_v3
        _set_trace_tag_v3 _set_trace_tag _delete_trace_tag _link_traces_to_run
        _deprecated_start_trace_v2 _deprecated_end_trace_v2 _create_assessment _update_assessment
        _delete_assessment _register_scorer _create_dataset_handler _set_dataset_tags_handler
        _delete_dataset_tag_handler _upsert_dataset_records_handler
    """,
    "can_delete": """
        _delete_experiment _restore_experiment _delete_run _restore_run _delete_logged_model
        _delete_logged_model_tag _delete_traces _delete_scorer _delete_dataset_handler
    """,
}
# What the user needs on the registered model that the request names.
ON_MODELS = {
    "can_read": """
        _get_registered_model _get_latest_versions _get_model_version
        _get_model_version_download_uri _get_model_version_by_alias serve_model_version_artifact
    """,
    "can_update": """
        _update_registered_model _rename_registered_model _update_model_version _transition_stage
        _set_registered_model_tag _delete_registered_model_tag _set_model_version_tag
        _set_registered_model_alias
    """,
    "can_delete": """
        _delete_registered_model _delete_model_version _delete_model_version_tag
        _delete_registered_model_alias
    """,
}
# What the user needs where the file is, on the experiment that the path belongs to.
ON_FILES = {
    "can_read": "_download_artifact _list_artifacts_mlflow_artifacts",
    "can_update": """
        _upload_artifact _create_multipart_upload_artifact _complete_multipart_upload_artifact
        _abort_multipart_upload_artifact
    """,
    "can_delete": "_delete_artifact_mlflow_artifacts",
}
ADMINISTRATORS = """
    _create_webhook _list_webhooks _get_webhook _update_webhook _delete_webhook _test_webhook
"""
# What GraphQL calls for the fields at its root.
BEHIND_GRAPHQL = """
    get_experiment_impl get_run_impl list_artifacts_impl get_metric_history_bulk_interval_impl
    search_datasets_impl
"""
NOT_FILES = {"dummy-source", "prompt-template"}  # the source of a prompt

_messages = {handler.__name__: message for message, handler in handlers.HANDLERS.items()} | {
    "serve_get_metric_history_bulk_interval": GetMetricHistoryBulkInterval,
    "serve_search_datasets": SearchDatasets,
    "_log_batch": GetRun,  # only what it is about: to parse thousands of metrics twice takes long
}


def may() -> bool:
    """Whether the user of the current request, `g.user`, may make it.

    Raises MlflowException for a request that its handler would refuse as well, and for an
    experiment ID that is not written as MLflow writes it.
    """
    if request.url_rule is None:  # 404, 405 or a redirect
        return True
    if request.method in ("HEAD", "OPTIONS"):  # Flask's own; MLflow declares and checks neither
        return False
    if g.user.is_admin:
        return True
    check = _CHECKS.get(request.endpoint)
    return auth._find_validator(request) is not None if check is None else check()


def may_change_experiment(experiment_id: str) -> bool:
    """Whether `g.user` may write into this experiment."""
    return g.user.is_admin or _all([_canonical(experiment_id)], "can_update")


def _needs_on_experiments(needed: str) -> bool:
    message = _message()
    return _location_is_allowed(message) and _all_named(_named(message), needed)


def _needs_on_model(needed: str) -> bool:
    return _model(_named(_message()).get("name", [""])[0], needed)


def _needs_on_file(needed: str) -> bool:
    path = (request.view_args or {}).get("artifact_path")
    if path is None and (message := _message()) is not None:
        path = message.path
    return _path(path, needed)


def _may_create_experiment() -> bool:
    location = _message().artifact_location
    return not location or _inside(location, "can_update")


def _may_create_model_version() -> bool:
    message = _message()
    named = _named(message)
    named.pop("name", None)
    return (
        _model(message.name, "can_update")
        and (not any(named.values()) or _all_named(named, "can_read"))
        and _source_is_allowed(message.source)
    )


def _ids_are_canonical() -> bool:
    """For searches whose results are filtered, by IDs that have to be those of the permissions."""
    if (message := _message()) is not None:
        _named(message)
    return True


def _message():
    """The request as its handler will read it; None if it reads no message."""
    kind = _messages.get(request.endpoint)
    if kind is None or request.method == "PUT":  # a file
        return None
    return handlers._get_request_message(kind())


def _named(message) -> dict[str, list[str]]:
    """IDs and names in a request, by field."""
    if message is not None:
        found = {f.name: getattr(message, f.name) for f in message.DESCRIPTOR.fields}
    elif request.endpoint == "serve_create_promptlab_run":
        found = dict(request.get_json())
    else:
        found = request.args.to_dict(flat=False)
    named = {
        name: [value] if isinstance(value, str | int) else list(value)
        for name, value in found.items()
        if name in _FIELDS and value
    }
    for name, value in (request.view_args or {}).items():
        if name in _FIELDS:
            named[name] = [value]
    for place in getattr(message, "locations", ()):
        named.setdefault("experiment_id", []).append(place.mlflow_experiment.experiment_id)
    if request.endpoint == "_start_trace_v3":
        info = message.trace.trace_info
        named["trace_id"] = [info.trace_id]
        if place := info.trace_location.mlflow_experiment.experiment_id:
            named["experiment_id"] = [place]
    for name in ("experiment_id", "experiment_ids"):
        if name in named:
            named[name] = [_canonical(value) for value in named[name]]
    return named


def _canonical(experiment_id: object) -> str:
    """The ID, if it is written as in the tables: MLflow takes 07 for 7, but not its permissions."""
    text = str(experiment_id)
    if not (text.isascii() and text.isdecimal() and text == str(int(text))):
        raise MlflowException.invalid_parameter_value(f"Not the ID of an experiment: {text!r}")
    return text


def _column(column, of) -> Callable[[list[str]], list[str]]:
    """Looks up the experiments of what `of` identifies, in one query."""

    def find(values: list[str]) -> list[str]:
        with handlers._get_tracking_store().ManagedSessionMaker() as session:
            return [str(found) for (found,) in session.query(column).filter(of.in_(values))]

    return find


def _of_datasets(dataset_ids: list[str]) -> list[str]:
    store = handlers._get_tracking_store()
    return [e for d in dataset_ids for e in store.get_dataset_experiment_ids(d)]


_of_runs = _column(SqlRun.experiment_id, SqlRun.run_uuid)
_of_traces = _column(SqlTraceInfo.experiment_id, SqlTraceInfo.request_id)
_FIELDS: dict[str, Callable[[list[str]], Iterable[str]]] = {
    **dict.fromkeys(("experiment_id", "experiment_ids"), list),
    "experiment_name": _column(SqlExperiment.experiment_id, SqlExperiment.name),
    **dict.fromkeys(("run_id", "run_uuid", "run_ids"), _of_runs),
    **dict.fromkeys(("trace_id", "trace_ids", "request_id", "request_ids"), _of_traces),
    "model_id": _column(SqlLoggedModel.experiment_id, SqlLoggedModel.model_id),
    "dataset_id": _of_datasets,
    "name": lambda _: [],  # of a registered model, dataset or scorer
}


def _all_named(named: dict[str, list[str]], needed: str) -> bool:
    """Whether the user has the permission on all experiments of a request.

    One that names none may be about any. What does not exist needs no permission: the handler
    says that it is not there.
    """
    named = {name: values for name, values in named.items() if name != "name"}
    if not any(named.values()):
        return _all(None, needed)
    return _all({e for name, values in named.items() for e in _FIELDS[name](values)}, needed)


def _all(experiment_ids: Iterable[str] | None, needed: str) -> bool:
    """Whether the user has the permission on these experiments; None: on every one."""
    table = SqlExperimentPermission
    given = _given(table, table.experiment_id, experiment_ids)
    rest = experiment_ids is None or set(experiment_ids) - given.keys()
    return all(getattr(p, needed) for p in given.values()) and (not rest or _default(needed))


def _model(name: str, needed: str) -> bool:
    table = SqlRegisteredModelPermission
    given = _given(table, table.name, [name])
    return getattr(given[name], needed) if given else _default(needed)


def rank(permission: str) -> int:
    """Of two permissions the one that allows more has the higher rank."""
    return sum(value is True for value in vars(get_permission(permission)).values())


def _given(table, key, values: Iterable[str] | None) -> dict[str, Permission]:
    """What was given to the user, by experiment ID or model name.

    Where nothing was, the most that was given to one of their groups: users whose IDs an
    authorization function may leave in `g.group_ids`.
    """
    group_ids = g.get("group_ids", ())
    with auth.store.ManagedSessionMaker() as session:
        rows = session.query(key, table.permission, table.user_id)
        rows = rows.filter(table.user_id.in_([g.user.id, *group_ids]))
        if values is not None:
            rows = rows.filter(key.in_(list(values)))
        found = sorted(rows, key=lambda row: (row.user_id == g.user.id, rank(row.permission)))
        return {name: get_permission(permission) for name, permission, _ in found}


def _default(needed: str) -> bool:
    return getattr(get_permission(auth.auth_config.default_permission), needed)


def _path(path: str | None, needed: str) -> bool:
    """Whether the user may do this to a file or folder, by its path below the destination."""
    path = posixpath.normpath(validate_path_is_safe(path or ""))
    first = path.split("/")[0]
    if first.isascii() and first.isdecimal():
        return _all([str(int(first))], needed)
    owners = _experiments_at(path)
    return _all(owners, needed) if owners else _default(needed)


def _experiments_at(path: str) -> list[str]:
    """Experiments with a location of their own in which this path is."""
    location = func.rtrim(SqlExperiment.artifact_location, "/").concat("/%")
    uris = (f"{root}/{path}/" for root in ("mlflow-artifacts:", _destination()))
    inside = [literal(uri).like(location) for uri in uris]
    with handlers._get_tracking_store().ManagedSessionMaker() as session:
        found = session.query(SqlExperiment.experiment_id).filter(or_(*inside))
        return [str(experiment_id) for (experiment_id,) in found]


def _destination() -> str:
    return os.environ[ARTIFACTS_DESTINATION_ENV_VAR].rstrip("/")


def _inside(uri: str, needed: str) -> bool:
    """Whether this is where the server stores, and the user may do this there.

    Elsewhere the server would connect, or use its keys, for whoever names an address.
    """
    root = _destination()
    if urlparse(uri).scheme == "mlflow-artifacts":
        path = urlparse(uri).path
    elif uri.startswith(f"{root}/"):
        path = uri.removeprefix(root)
    else:
        raise _denied(f"Outside of where this server stores files: {uri!r}")
    return _path(path.lstrip("/"), needed)


def _source_is_allowed(source: str) -> bool:
    """Whether the user may read what becomes a model version."""
    scheme = urlparse(source).scheme
    if source in NOT_FILES:
        return True
    if scheme == "models":
        parsed = _parse_model_uri(source)
        if parsed.model_id is None:
            return _model(parsed.name, "can_read")
        return _all(_FIELDS["model_id"]([parsed.model_id]), "can_read")
    if scheme == "runs":
        run_id, _ = RunsArtifactRepository.parse_runs_uri(source)
        return _all(_of_runs([run_id]), "can_read")
    return _inside(source, "can_read")


def _location_is_allowed(message) -> bool:
    """Of the file with the spans, which a trace names in a tag: where the user may write."""
    if message is None:
        return True
    if getattr(message, "key", None) == MLFLOW_ARTIFACT_LOCATION:
        tags = {message.key: getattr(message, "value", "")}
    elif request.endpoint == "_start_trace_v3":
        tags = message.trace.trace_info.tags
    else:
        tags = {tag.key: tag.value for tag in getattr(message, "tags", ()) if hasattr(tag, "key")}
    location = tags.get(MLFLOW_ARTIFACT_LOCATION)
    return location is None or _inside(location, "can_update")


def _denied(message: str) -> MlflowException:
    return MlflowException(message, PERMISSION_DENIED)


def _guarded(answer: Callable) -> Callable:
    """The function that GraphQL calls, for experiments that the user may read."""

    def guarded(message):
        if request.endpoint == "_graphql" and not g.user.is_admin:
            if not _all_named(_named(message), "can_read"):
                raise _denied("Permission denied")
        return answer(message)

    return guarded


def _by_canonical_ids(search: Callable) -> Callable:
    """The search that MLflow limits to experiments that the user may read, by their IDs."""

    def searched(message):
        _named(message)
        return search(message)

    return searched


def _only_readable(search: Callable) -> Callable:
    """Takes versions of registered models out that the user may not read."""

    def searched(message):
        found = search(message)
        if not g.user.is_admin:
            names = {version.name for version in found.model_versions}
            table = SqlRegisteredModelPermission
            given = _given(table, table.name, names)
            for version in list(found.model_versions):
                permission = given.get(version.name)
                if not (permission.can_read if permission else _default("can_read")):
                    found.model_versions.remove(version)
        return found

    return searched


_CHECKS: dict[str, Callable[[], bool]] = {
    **dict.fromkeys(EVERYBODY.split(), _ids_are_canonical),
    **dict.fromkeys(ADMINISTRATORS.split(), lambda: False),
    "_create_experiment": _may_create_experiment,
    "_create_model_version": _may_create_model_version,
    **{
        endpoint: partial(check, needed)
        for table, check in (
            (ON_EXPERIMENTS, _needs_on_experiments),
            (ON_MODELS, _needs_on_model),
            (ON_FILES, _needs_on_file),
        )
        for needed, endpoints in table.items()
        for endpoint in endpoints.split()
    },
}

for _name in BEHIND_GRAPHQL.split():
    setattr(handlers, _name, _guarded(getattr(handlers, _name)))
handlers.search_runs_impl = _by_canonical_ids(handlers.search_runs_impl)
handlers.search_model_versions_impl = _only_readable(handlers.search_model_versions_impl)
