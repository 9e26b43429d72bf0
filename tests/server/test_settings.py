"""The files of env/server say the same, hold no secret, and refuse to start without one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mlflow.environment_variables
import pytest
from dotenv import dotenv_values
from mlflow.cli import cli

from tests.conftest import ROOT

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
    command = ["sh", FILES / "start.sh"]
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


@pytest.mark.parametrize("name", COMPLETE)
def test_nothing_starts_while_a_setting_is_empty(tmp_path, name):
    result = start(tmp_path, COMPLETE | {name: ""})
    assert result.returncode != 0
    assert f"{name}: is empty" in result.stderr
    assert "reached" not in result.stdout


def test_with_every_setting_it_goes_on(tmp_path):
    assert start(tmp_path, COMPLETE).stdout == "reached\n"


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
    most = connections(EXAMPLE, replicas)
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
        result = self.analyze("verify", "--man=no", FILES / "mlflow@.service")
        assert (result.returncode, result.stderr) == (0, "")

    def test_a_mistake_would_be_found(self, tmp_path):
        unit = (FILES / "mlflow@.service").read_text()
        (tmp_path / "mlflow@.service").write_text(unit.replace("ExecStart=", "ExecStrt="))
        result = self.analyze("verify", "--man=no", tmp_path / "mlflow@.service")
        assert "ExecStrt" in result.stderr

    def test_it_is_hardened(self, tmp_path):
        """systemd's own exposure score; 10 is a unit without any protection."""
        score = ["security", "--offline=true", "--threshold=20"]  # tenths: at most 2.0
        assert self.analyze(*score, FILES / "mlflow@.service").returncode == 0
        unit = (FILES / "mlflow@.service").read_text()
        bare = re.sub(
            r"^(Protect|Private|Restrict|SystemCall|Capab|NoNew).*\n", "", unit, flags=re.M
        )
        (tmp_path / "mlflow@.service").write_text(bare)
        assert self.analyze(*score, tmp_path / "mlflow@.service").returncode != 0
