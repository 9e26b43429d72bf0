"""The tracking server does its work, with default options and with any others."""

import sys
from pathlib import Path

import mlflow
import psutil
import pytest
import requests
from mlflow_lab import PostgreSQL, SeaweedFS, StartFailed, TrackingServer

from tests.lab.conftest import log_run
from tests.waiting import WITHIN


def test_it_tells_its_version(server):
    assert requests.get(f"{server.uri}/version", timeout=WITHIN).text == mlflow.__version__


def test_it_keeps_a_run_and_its_artifact_in_its_folder(server):
    run_id = log_run(server.uri)
    run = mlflow.MlflowClient(server.uri).get_run(run_id)
    assert run.data.metrics == {"loss": 0.5}
    artifact = f"{server.folder}/artifacts/0/{run_id}/artifacts/note.txt"
    assert Path(artifact).read_text() == "hello"


def test_defaults_are_one_worker_sqlite_and_a_local_artifact_folder(server):
    assert server.command == [
        *["mlflow", "server", "--host", "127.0.0.1", "--port", str(server.port)],
        *["--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db"],
        *["--artifacts-destination", "./artifacts"],
    ]


def test_it_does_not_inherit_the_callers_mlflow_variables(server):
    environment = psutil.Process(server.pid).environ()
    assert {name: v for name, v in environment.items() if name.startswith("MLFLOW_")} == {
        "MLFLOW_DISABLE_TELEMETRY": "true"
    }


def test_the_port_cannot_be_given_as_an_option():
    with pytest.raises(ValueError, match="port=..."):
        TrackingServer("--port", "5000")


def test_it_works_with_postgresql_and_s3_and_prints_no_password(capfd):
    import boto3

    with PostgreSQL() as database, SeaweedFS() as store:
        options = ["--backend-store-uri", database.uri, "--artifacts-destination=s3://mlflow"]
        with TrackingServer(*options, "-w", "1", environment=store.environment) as server:
            run_id = log_run(server.uri)
            assert server.command[6:] == [*options, "-w", "1"]

            s3 = boto3.client(
                "s3",
                endpoint_url=store.endpoint_url,
                aws_access_key_id=store.access_key,
                aws_secret_access_key=store.secret_key,
                region_name="us-east-1",
            )
            stored = s3.get_object(Bucket="mlflow", Key=f"0/{run_id}/artifacts/note.txt")
            assert stored["Body"].read() == b"hello"
            rows = psycopg2_rows(database.uri, "SELECT run_uuid FROM runs")
            assert rows == [(run_id,)]

        password = database.uri.split(":")[2].split("@")[0]
        printed = capfd.readouterr().out
        for secret in (password, store.secret_key, store.access_key):
            assert secret not in printed
        assert f"postgresql://mlflow:***@127.0.0.1:{database.port}/mlflow" in printed
        assert f"MLFLOW_S3_ENDPOINT_URL={store.endpoint_url} mlflow server" in printed


def psycopg2_rows(uri: str, statement: str) -> list[tuple]:
    import psycopg2

    connection = psycopg2.connect(uri)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    connection.close()
    return rows


def test_the_printed_command_works_when_typed_on_the_kept_data(open_folder, capfd, typed, answer):
    with TrackingServer(folder=open_folder) as server:
        run_id = log_run(server.uri)
    line = capfd.readouterr().out.strip()
    assert line.startswith("$ mlflow server ")
    assert " /" not in line and str(open_folder) not in line

    with typed(line, open_folder):
        answer(f"{server.uri}/health")
        client = mlflow.MlflowClient(server.uri)
        assert client.get_run(run_id).data.metrics == {"loss": 0.5}


def test_it_can_serve_tls(certified_folder):
    tls = "--ssl-keyfile key.pem --ssl-certfile cert.pem"
    with TrackingServer("--uvicorn-opts", tls, folder=certified_folder, quiet=True) as server:
        answer = requests.get(
            f"{server.uri}/version", timeout=WITHIN, verify=certified_folder / "cert.pem"
        )
        assert server.uri.startswith("https://")
        assert answer.text == mlflow.__version__


def test_a_server_that_dies_fails_at_once_and_says_why():
    nonsense = ("--backend-store-uri", "nonsense://user:hush@host/db")
    with pytest.raises(StartFailed) as failure:
        # Only its end can end this wait: no machine is so slow.
        TrackingServer(*nonsense, quiet=True, timeout=1800).start()
    assert failure.value.reason.startswith("mlflow exited with code 1 after ")
    assert "nonsense://user:***@host/db" in failure.value.command
    assert "nonsense" in failure.value.log
    assert "hush" not in str(failure.value)
    assert sys.prefix not in str(failure.value)


def test_a_server_that_is_not_healthy_in_time_is_stopped(monkeypatch):
    monkeypatch.setattr(TrackingServer, "_healthy", lambda self: False)
    server = TrackingServer(quiet=True, timeout=0.5)
    said = r"mlflow server was not healthy after \d+\.\d s \(at most 0\.5 s on an idle machine"
    with pytest.raises(StartFailed, match=said):
        server.start()
    assert not server.running
    assert not server.folder.exists()
