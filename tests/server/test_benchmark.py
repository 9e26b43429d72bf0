"""env/server/benchmark.py, run for real against a small server."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys

import mlflow
import pytest
from mlflow.entities import ViewType
from mlflow_lab import TrackingServer

from tests.conftest import ROOT
from tests.waiting import WITHIN, wait_until

SCRIPT = ROOT / "env" / "server" / "benchmark.py"
SMALL = ("--seconds", "1.5", "--clients", "2", "--requests", "3", "--timeout", str(WITHIN))
SMALL_FILES = ("--runs", "5", "--megabytes", "0.1")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with TrackingServer(folder=tmp_path_factory.mktemp("server"), quiet=True) as server:
        yield server


@pytest.fixture(scope="module")
def client(server) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(server.uri)


def environment(**variables: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return {**kept, **variables}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment(**variables), capture_output=True, text=True)


def experiments(client, view=ViewType.ACTIVE_ONLY) -> list:
    found = client.search_experiments(view_type=view, filter_string="name LIKE 'benchmark-%'")
    return [client.get_experiment(e.experiment_id) for e in found]


def test_it_counts_what_the_server_has(server, client, tmp_path):
    file = tmp_path / "result.json"
    result = run(
        *("--tracking-uri", server.uri, *SMALL, *SMALL_FILES, "--keep", "--json", str(file))
    )
    assert (result.returncode, result.stderr) == (0, "")
    written = json.loads(file.read_text())
    assert (written["clients"], written["runs"]) == (2, 5)
    rows = {row["task"]: row for row in written["tasks"]}
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["task", *rows]
    for row in rows.values():
        assert 1 <= row["requests"] <= 2 * 3 and row["per_second"] > 0
        assert 0 < row["p50_ms"] <= row["p95_ms"]
        assert (row["errors"], row["first_error"]) == (0, None)

    (experiment,) = experiments(client)
    amount = {name: round(row["amount"], 6) for name, row in rows.items()}
    made = client.search_runs([experiment.experiment_id], max_results=1000)
    # Runs that the other tasks make: one for each client, of `params` one for each call.
    others = 2 * len(("log_metric", "log_batch", "upload", "download")) + rows["params"]["requests"]
    assert len(made) == 5 + amount["runs"] + others
    assert sum(len(r.data.params) for r in made) == 5 * 5 + amount["params"]
    with_loss = [r.info.run_id for r in made if "loss" in r.data.metrics]
    points = sum(len(client.get_metric_history(r, "loss")) for r in with_loss)
    assert points == amount["log_metric"] + amount["log_batch"]
    with_file = [r for r in made if client.list_artifacts(r.info.run_id)]
    assert len(with_file) == 4
    client.delete_experiment(experiment.experiment_id)


def test_it_leaves_nothing_but_a_deleted_experiment(server, client):
    before = {e.experiment_id for e in experiments(client, ViewType.ALL)}
    result = run(*SMALL, *SMALL_FILES, "--only", "upload", MLFLOW_TRACKING_URI=server.uri)
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["task", "upload"]
    assert experiments(client) == []
    (new,) = {e.experiment_id for e in experiments(client, ViewType.DELETED_ONLY)} - before
    kept = server.folder / "artifacts" / new
    assert [path for path in kept.rglob("*") if path.is_file()] == []


def test_errors_are_counted_and_do_not_end_it(server, client, tmp_path):
    file = tmp_path / "result.json"
    # Nothing answers while the only database is locked: until the line of the task is there.
    database = sqlite3.connect(server.folder / "mlflow.db", WITHIN, isolation_level=None)
    metrics = "SELECT count(*) FROM metrics WHERE key = 'loss'"
    (before,) = database.execute(metrics).fetchone()
    client.search_experiments()  # the first request takes longer than all others
    command = [sys.executable, str(SCRIPT), "--tracking-uri", server.uri, "--json", str(file)]
    options = ("--only", "log_metric", "--seconds", "120", "--clients", "1", "--timeout", "5")
    with subprocess.Popen(
        [*command, *options], env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: database.execute(metrics).fetchone() > (before,))
        database.execute("BEGIN EXCLUSIVE")
        output = process.stdout.readline()
        database.execute("ROLLBACK")
        output += process.stdout.read()
    assert process.returncode == 0
    (row,) = json.loads(file.read_text())["tasks"]
    assert row["errors"] >= 1
    assert output.splitlines()[-1] == f"log_metric: {row['first_error']}"
    assert row["first_error"].startswith("ReadTimeoutError: Read timed out.")


def test_ctrl_c_ends_it_and_cleans_up(server, client):
    command = [sys.executable, str(SCRIPT), "--tracking-uri", server.uri, "--only", "runs"]
    with subprocess.Popen(
        [*command, "--seconds", "100", "--clients", "2"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the head: the clients are at work
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=WITHIN)
    assert process.returncode == 1
    assert error == "benchmark: interrupted\n"
    assert experiments(client) == []


class TestErrors:
    """One line that says what to do; no traceback, nothing on the server."""

    @staticmethod
    def said(*arguments: str, **variables: str) -> str:
        result = run(*arguments, **variables)
        assert result.returncode == 1, result.stderr
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        return line

    def test_the_server_is_down(self):
        line = self.said("--tracking-uri", "http://127.0.0.1:1")
        assert re.fullmatch(r"benchmark: no answer from http://127.0.0.1:1: .*refused", line)

    @pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "127.0.0.1:5000", "./mlruns"])
    def test_not_the_address_of_a_server(self, uri):
        line = self.said("--tracking-uri", uri)
        assert line.startswith(f"benchmark: {uri!r} is not the address of a server")

    def test_a_path_where_no_mlflow_is(self, server):
        line = self.said("--tracking-uri", f"{server.uri}/elsewhere")
        assert line.startswith(f"benchmark: no MLflow at {server.uri}/elsewhere: 404 ")

    def test_https_of_a_server_without_tls(self, server):
        line = self.said("--tracking-uri", server.uri.replace("http:", "https:"))
        assert (
            line.startswith("benchmark: no answer from https:") and "WRONG_VERSION_NUMBER" in line
        )

    def test_options(self):
        for wrong in (("--clients", "0"), ("--seconds", "inf"), ("--only", "reads"), ()):
            result = run("--tracking-uri", "http://127.0.0.1:1", *wrong) if wrong else run()
            assert result.returncode == 2
            assert "Traceback" not in result.stderr


def test_a_wrong_password_and_a_user_of_the_team_server(team, kim):
    unknown = {**kim, "MLFLOW_TRACKING_PASSWORD": "wrong"}
    result = run(**unknown)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"benchmark: {team.uri}: 401, ")
    assert len(result.stderr.splitlines()) == 1
    result = run(*SMALL, *SMALL_FILES, **kim)
    assert (result.returncode, result.stderr) == (0, "")
    errors = [int(line.split()[-1]) for line in result.stdout.splitlines()[1:]]
    assert errors == [0] * 7
