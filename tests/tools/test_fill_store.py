"""A filled store is one to which the same runs were logged."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

import mlflow
import pytest
import requests
import sqlalchemy as sa
from mlflow.entities import LoggedModelOutput, Metric, Param, RunTag
from mlflow.store.db.base_sql_model import Base
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_lab import MariaDB, PostgreSQL, TrackingServer

from tests.conftest import ROOT
from tools.fill_store import CannotFill, fill
from tools.store_rows import COLUMNS, Run, Shape, run_of

SHAPE = Shape(params=2, metrics=2, steps=3, tags=1, models_every=2, traces_every=2)
SEED = 5
RUNS = [run_of(SEED, number, SHAPE) for number in (1, 2, 3)]  # the second has model and trace
UNCHANGED = {
    identifier: identifier
    for run in RUNS
    for identifier in (run.run_id, run.model_id, run.trace_id, *run.span_ids * bool(run.trace_id))
    if identifier
}
# What the client alone knows, or draws.
OF_THE_CLIENT = ("mlflow.source.", "mlflow.user", "mlflow.trace.size")
DRAWN = ("input_uuid", "creation_timestamp_ms", "last_updated_timestamp_ms")

pytestmark = pytest.mark.xdist_group("fill-store")


@pytest.fixture(scope="module")
def database() -> Iterator[PostgreSQL]:
    with PostgreSQL(quiet=True) as database:
        yield database


@pytest.fixture(scope="module")
def server(database) -> Iterator[TrackingServer]:
    before = mlflow.get_tracking_uri()
    with TrackingServer("--backend-store-uri", database.uri, quiet=True) as server:
        mlflow.set_tracking_uri(server.uri)
        yield server
    mlflow.set_tracking_uri(before)


def logged(client: mlflow.MlflowClient, experiment_id: str, run: Run) -> dict[str, str]:
    """Logs the run through the API; what has another name there, by the run's own."""
    run_id = client.create_run(
        experiment_id, start_time=run.start, run_name=run.name, tags=run.all_tags
    ).info.run_id
    names = {run.run_id: run_id}
    model_id = None
    if run.model_id:
        name = f"model-of-{run.name}"
        options = {"tags": run.tags, "params": run.params, "model_type": "sklearn"}
        model_id = client.create_logged_model(experiment_id, name, run_id, **options).model_id
        names[run.model_id] = model_id
    latest = set(run.latest)
    metrics = [Metric(*m, model_id=model_id if m in latest else None) for m in run.metrics]
    params = [Param(*item) for item in run.params.items()]
    client.log_batch(run_id, metrics, params, [RunTag(*item) for item in run.tags.items()])
    if model_id:
        client.finalize_logged_model(model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    client.set_terminated(run_id, end_time=run.end)
    if run.trace_id:
        names |= traced(client, experiment_id, run)
    return names


def traced(client: mlflow.MlflowClient, experiment_id: str, run: Run) -> dict[str, str]:
    options = {"experiment_id": experiment_id, "start_time_ns": run.start * 10**6}
    root = client.start_trace("ask", "CHAIN", run.request, **options)
    child = client.start_span(
        *("retrieve", root.trace_id, root.span_id, "RETRIEVER", run.request),
        start_time_ns=(run.start + 1) * 10**6,
    )
    end = {"outputs": run.response, "end_time_ns": run.end * 10**6}
    client.end_span(root.trace_id, child.span_id, **end)
    client.end_trace(root.trace_id, **end)
    spans = zip(run.span_ids, (root.span_id, child.span_id), strict=True)
    return {run.trace_id: root.trace_id, **dict(spans)}


def rows(uri: str, experiment_id: str, names: dict[str, str]) -> dict[str, list[str]]:
    """The database's rows of an experiment by table, with the names of other runs' things."""
    engine = sa.create_engine(uri, poolclass=sa.NullPool)
    known = {ours: name for name, ours in names.items()}
    known |= {_encoded(ours): _encoded(name) for ours, name in known.items()}
    found = {}
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            texts = []
            for row in connection.execute(sa.select(table)).mappings():
                values = {k: v for k, v in row.items() if k not in DRAWN}
                if table.name == "logged_model_metrics":
                    values.pop("experiment_id")  # the writing process's, not that of the run
                if "content" in values:
                    values["content"] = _without_arguments(values["content"])
                if str(values.get("key")).startswith(OF_THE_CLIENT) and "request_id" in values:
                    continue
                text = json.dumps(values, sort_keys=True)
                if any(identifier in text for identifier in known):
                    for ours, name in known.items():
                        text = text.replace(ours, name)
                    text = text.replace(f'"experiment_id": {experiment_id},', "")
                    texts.append(re.sub(r"s3://b/\w+", "LOCATION", text))
            found[table.name] = sorted(texts)
    return found


def _without_arguments(content: str) -> dict:
    """A span without what `start_trace` and `start_span` were told, which `start_span()` lacks."""
    span = json.loads(content)
    for name in ("mlflow.spanStartTimeNs", "mlflow.experimentId"):
        span["attributes"].pop(name, None)
    return span


def _encoded(identifier: str) -> str:
    """As a span's content has it; unlike anything else for what is no hexadecimal number."""
    digits = identifier.rpartition("-")[2]
    return base64.b64encode(bytes.fromhex(digits)).decode()


@pytest.fixture(scope="module")
def both(database, server) -> tuple[str, str, dict[str, str]]:
    """Ids of two experiments with the same runs, and what is named otherwise in the first.

    To the first one they were logged, into the second one they were filled.
    """
    client = mlflow.MlflowClient(server.uri)
    logged_to, filled = (client.create_experiment(n, f"s3://b/{n}") for n in ("logged", "filled"))
    mlflow.set_experiment(experiment_id=logged_to)  # where its client sends spans
    names: dict[str, str] = {}
    for run in RUNS:
        names |= logged(client, logged_to, run)
    written = fill(database.uri, "filled", len(RUNS), shape=SHAPE, seed=SEED)
    assert written["runs"] == len(RUNS) and all(written.values())
    return logged_to, filled, names


def test_its_tables_are_those_of_runs_that_were_logged(database, both):
    logged_to, filled, names = both
    expected = rows(database.uri, logged_to, names)
    assert {table for table, texts in expected.items() if texts} == set(COLUMNS)
    assert rows(database.uri, filled, UNCHANGED) == expected


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_another_database_gets_the_same_rows(database, both, kind, tmp_path):
    with MariaDB(quiet=True) if kind == "mariadb" else nullcontext() as other:
        uri = other.uri if other else f"sqlite:///{tmp_path}/mlflow.db"
        experiment_id = SqlAlchemyStore(uri, "s3://b").create_experiment("filled")
        fill(uri, experiment_id, len(RUNS), shape=SHAPE, seed=SEED)
        assert rows(uri, experiment_id, UNCHANGED) == rows(database.uri, both[1], UNCHANGED)


SEARCHES = {
    "attributes.run_name LIKE 'run-%'": ["attributes.start_time DESC"],
    "metrics.metric_0 > 0 AND tags.`mlflow.user` = 'kim'": ["metrics.metric_1 ASC"],
    "params.param_0 != 'none'": ["params.param_1 DESC", "attributes.run_name"],
}


def test_a_client_is_answered_the_same(server, both):
    client = mlflow.MlflowClient(server.uri)

    def answers(experiment_id: str) -> list:
        found = [
            [run.info.run_name for run in client.search_runs([experiment_id], text, order_by=order)]
            for text, order in SEARCHES.items()
        ]
        runs = client.search_runs([experiment_id], order_by=["attributes.run_name"])
        data = [(r.info.start_time, r.info.status, r.data.params, r.data.metrics) for r in runs]
        histories = [
            [(m.value, m.timestamp, m.step) for m in client.get_metric_history(r.info.run_id, k)]
            for r in runs
            for k in sorted(r.data.metrics)
        ]
        (model,) = client.search_logged_models([experiment_id])
        (trace,) = client.search_traces(locations=[experiment_id])
        spans = [(span.name, span.span_type, span.inputs) for span in trace.data.spans]
        return [found, data, histories, model.params, model.name, len(model.metrics), spans]

    logged_to, filled, _ = both
    assert answers(filled) == (expected := answers(logged_to))
    assert [len(found) for found in expected[0]] == [len(RUNS)] * len(SEARCHES)
    assert {len(history) for history in expected[2]} == {SHAPE.steps}


def test_the_ui_is_answered_the_same(server, both):
    logged_to, filled, names = both

    def answers(experiment_id: str) -> object:
        api = f"{server.uri}/ajax-api/2.0/mlflow"
        body = {"experiment_ids": [experiment_id], "order_by": ["attributes.start_time"]}
        runs = requests.post(f"{api}/runs/search", json=body).json()["runs"]
        query = {"run_ids": [run["info"]["run_id"] for run in runs], "metric_key": "metric_0"}
        chart = requests.get(f"{api}/metrics/get-history-bulk-interval", query | {"max_results": 9})
        models = requests.post(
            f"{api}/logged-models/search", json={"experiment_ids": [experiment_id]}
        ).json()["models"]
        text = json.dumps([runs, chart.json(), models])
        for name, ours in names.items():
            text = text.replace(ours, name)
        text = re.sub(r"s3://b/\w+", "LOCATION", text)
        text = re.sub(r'"(experiment_id|\w+_timestamp_ms)": "?\d+"?', r'"\1": 0', text)
        return in_order(json.loads(text))

    shown = answers(filled)
    assert shown == answers(logged_to)
    assert str(shown).count("'metric_0'") == len(RUNS) * (SHAPE.steps + 1) + 1


def in_order(answer: object) -> object:
    """With its lists sorted: the database does not say in which order it gives tags or points."""
    if isinstance(answer, list):
        return sorted(map(in_order, answer), key=str)
    if isinstance(answer, dict):
        return {key: in_order(value) for key, value in answer.items()}
    return answer


def test_it_says_what_is_wrong(database, both, tmp_path):
    empty = f"sqlite:///{tmp_path}/empty.db"
    (tmp_path / "empty.db").touch()
    client = mlflow.MlflowClient()
    deleted = client.create_experiment("deleted")
    client.delete_experiment(deleted)
    said = {
        "server's address": ("http://127.0.0.1:5000", "0"),
        "no database URI": ("mlflow.db", "0"),
        "there is no file": (f"sqlite:///{tmp_path}/none.db", "0"),
        "Connection refused": ("postgresql://mlflow:secret@127.0.0.1:1/mlflow", "0"),
        "has no MLflow schema": (empty, "0"),
        "no experiment 'lost'": (database.uri, "lost"),
        "'deleted' is deleted": (database.uri, "deleted"),
        "use another --seed": (database.uri, "filled"),
    }
    for part, (uri, experiment) in said.items():
        with pytest.raises(CannotFill, match=part):
            fill(uri, experiment, 1, seed=SEED, shape=SHAPE)
    assert not (tmp_path / "none.db").exists()


def test_the_command_line_says_what_it_wrote(database, both):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tools.fill_store", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = run(database.uri, "--experiment", "filled", "--runs", "2", "--seed", "6")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert re.search(r"^metrics +40$", done.stdout, re.MULTILINE)
    again = run(database.uri, "--experiment", "filled", "--runs", "2", "--seed", "6")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("runs of seed 6 with these numbers are there")
    assert "--models-every" in run("--help").stdout
