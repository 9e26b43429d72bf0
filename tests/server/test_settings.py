"""The files of env/server say the same, hold no secret, and refuse to start without one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mlflow.environment_variables
import psutil
import pytest
from dotenv import dotenv_values
from mlflow.cli import cli

from tests.conftest import ROOT
from tests.lab.footprint import alive
from tests.waiting import WITHIN, wait_until

FILES = ROOT / "env" / "server"
EXAMPLE = dotenv_values(FILES / ".env.example")
SECRETS = ("PASSWORD", "SECRET", "KEY")
OURS = ("MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_AUTH_DEFAULT_PERMISSION")  # prepare.py reads them
POOLS = 3  # of a worker: runs, registry, users
OF_THE_PARENT = 4  # `mlflow server` itself keeps these from looking at the tables
POSTGRESQL_GIVES = 97  # max_connections 100, of which 3 are for superusers


def start(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Runs start.sh, with a program `python` that only says that it was reached."""
    (folder / "python").write_text("#!/bin/sh\necho reached; exit 7\n")
    (folder / "python").chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["sh", str(FILES / "start.sh")]
    return subprocess.run(
        command, cwd=folder, env=path | environment, capture_output=True, text=True
    )


COMPLETE = {
    "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow.example.com",
    "MLFLOW_BACKEND_STORE_URI": "postgresql://mlflow:x@database/mlflow",
    "MLFLOW_ARTIFACTS_DESTINATION": "s3://mlflow",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "x",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "x",
}


def test_every_secret_of_the_example_is_empty():
    secrets = {name for name in EXAMPLE if any(word in name for word in SECRETS)}
    assert len(secrets) >= 5
    assert {name: EXAMPLE[name] for name in secrets if EXAMPLE[name]} == {}


OF_THE_STORE = ("MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.mark.parametrize("name", [*COMPLETE, *OF_THE_STORE])
def test_nothing_starts_while_a_setting_is_empty(tmp_path, name):
    result = start(tmp_path, COMPLETE | {name: ""})
    assert result.returncode != 0
    assert f"{name}: is empty" in result.stderr
    assert "reached" not in result.stdout


def test_with_every_setting_it_goes_on(tmp_path):
    """Keys are not among them: the machine may have a role."""
    assert start(tmp_path, COMPLETE).stdout == "reached\n"


def test_a_worker_that_loads_on_a_busy_machine_is_not_killed():
    """uvicorn kills one that is silent for 5 s, and begins anew: again and again."""
    (within,) = re.findall(r"--timeout-worker-healthcheck (\d+)", (FILES / "start.sh").read_text())
    assert int(within) >= 60


def unknown_settings(names) -> set[str]:
    """MLFLOW_* names that neither MLflow nor prepare.py reads."""
    options = {option.envvar for option in cli.commands["server"].params}
    mine = {name for name in names if name.startswith("MLFLOW_")}
    return {
        name
        for name in mine - options - set(OURS)
        if not hasattr(mlflow.environment_variables, name)
    }


def test_every_setting_of_the_example_is_read_by_someone():
    assert unknown_settings(EXAMPLE) == set()
    assert unknown_settings(["MLFLOW_POOL_SIZE"]) == {"MLFLOW_POOL_SIZE"}
    started = (FILES / "start.sh").read_text() + (FILES / "prepare.py").read_text()
    assert [name for name in (*COMPLETE, *OURS) if name not in started] == []
    assert COMPLETE.keys() <= EXAMPLE.keys()


def connections(settings: dict[str, str], replicas: int) -> int:
    """The most that all replicas together open to the database."""
    size = int(settings["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"])
    size += int(settings["MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW"]) or 10
    return replicas * (int(settings["MLFLOW_WORKERS"]) * POOLS * size + OF_THE_PARENT)


def test_the_pools_fit_into_what_postgresql_gives():
    replicas = (FILES / "nginx.conf").read_text().count("server mlflow-")
    most = connections({name: value or "" for name, value in EXAMPLE.items()}, replicas)
    assert most <= POSTGRESQL_GIVES
    assert f"= {most} of the {POSTGRESQL_GIVES}" in (FILES / ".env.example").read_text()
    # MLflow's defaults, with its default of 4 workers, would not fit.
    defaults = {
        "MLFLOW_WORKERS": "4",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "5",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "0",
    }
    assert connections(defaults, replicas) > POSTGRESQL_GIVES


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no systemd")
class TestUnit:
    """mlflow@.service, as systemd's own tool sees it."""

    @staticmethod
    def analyze(*arguments: str | Path) -> subprocess.CompletedProcess:
        command = ["systemd-analyze", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_it_is_valid(self):
        units = [
            FILES / f"mlflow{name}" for name in ("@.service", "-backup.service", "-backup.timer")
        ]
        result = self.analyze("verify", "--man=no", *units)
        assert (result.returncode, result.stderr) == (0, "")

    def test_a_mistake_would_be_found(self, tmp_path):
        unit = (FILES / "mlflow@.service").read_text()
        (tmp_path / "mlflow@.service").write_text(unit.replace("ExecStart=", "ExecStrt="))
        result = self.analyze("verify", "--man=no", tmp_path / "mlflow@.service")
        assert "ExecStrt" in result.stderr

    def test_it_is_hardened(self, tmp_path):
        """systemd's own exposure score; 10 is a unit without any protection."""
        score = ["security", "--offline=true", "--threshold=20"]  # tenths: at most 2.0
        for name in ("mlflow@.service", "mlflow-backup.service"):
            assert self.analyze(*score, FILES / name).returncode == 0, name
        unit = (FILES / "mlflow@.service").read_text()
        bare = re.sub(
            r"^(Protect|Private|Restrict|SystemCall|Capab|NoNew).*\n", "", unit, flags=re.M
        )
        (tmp_path / "mlflow@.service").write_text(bare)
        assert self.analyze(*score, tmp_path / "mlflow@.service").returncode != 0


def test_it_stops_while_it_prepares(tmp_path):
    """Also as the first process of a container, to which SIGTERM is nothing but what it traps."""
    seen = tmp_path / "pid"
    program = 'echo $$ > "$SEEN.new"; mv "$SEEN.new" "$SEEN"; exec sleep 600'
    (tmp_path / "python").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "python").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SEEN": str(seen)}
    shell = subprocess.Popen(
        ["sh", str(FILES / "start.sh")],
        cwd=tmp_path,
        env=path | COMPLETE,
        stdout=subprocess.DEVNULL,
    )
    wait_until(seen.exists)
    preparing = psutil.Process(int(seen.read_text()))
    shell.terminate()
    assert shell.wait(WITHIN) == 0
    wait_until(lambda: not alive(preparing))
