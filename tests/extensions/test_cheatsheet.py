"""Every line of code on the cheat sheet runs: none is pasted and never tried."""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import mlflow
import mlflow.environment_variables
import pytest
from mlflow.cli import server as server_command
from mlflow.exceptions import MlflowException
from mlflow_lab import PostgreSQL, SeaweedFS, TrackingServer
from mlflow_lab.component import Launch
from mlflow_lab.programs import Command, require

from tests.conftest import ROOT
from tests.extensions.lines_of_code import Line, lines_of

pytestmark = pytest.mark.xdist_group("cheatsheet")

PAGE = ROOT / "book" / "find" / "cheatsheet.md"
LINES = lines_of(PAGE)
SERVER = "http://127.0.0.1:5000"  # as the page writes it
KINDS = {
    *("파이썬", "search_runs 필터", "거절당하는 필터", "모델과 파일의 URI", "트래킹 URI", "셸"),
    *("서버", "클라이언트의 변수", "서버의 변수", "SQL"),
}


def of(*kinds: str) -> list[str]:
    return [line.code for line in LINES if line.kind in kinds]


@dataclass
class Worked:
    """A server on which the page's lines of Python were run."""

    server: TrackingServer
    folder: Path  # where they were run
    errors: dict[str, str | None]
    ids: dict[str, str]

    def fill(self, code: str) -> str:
        """The line with the ids and the address of this server in place of the page's."""
        for placeholder, value in {**self.ids, SERVER: self.server.uri}.items():
            code = code.replace(placeholder, value)
        return code


@pytest.fixture(scope="module")
def worked(tmp_path_factory) -> Iterator[Worked]:
    folder = tmp_path_factory.mktemp("cheatsheet")
    with TrackingServer(quiet=True) as server:
        lines, result = of("파이썬"), folder / "result.json"
        subprocess.run(
            [sys.executable, Path(__file__).with_name("run_python.py"), result],
            input=json.dumps([line.replace(SERVER, server.uri) for line in lines]),
            cwd=folder,
            env=environment(),
            text=True,
            check=True,
        )
        found = json.loads(result.read_text())
        yield Worked(server, folder, dict(zip(lines, found["errors"], strict=True)), found["ids"])


def environment() -> dict[str, str]:
    """Ours without MLFLOW_* variables, with this environment's programs first in PATH."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{ours['PATH']}"
    return {**ours, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


@pytest.fixture
def client(worked, monkeypatch) -> Iterator[mlflow.MlflowClient]:
    """A client of the server, also for the functions of `mlflow`, without retries."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(worked.server.uri)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_every_line_is_of_a_kind_that_is_run_here():
    assert {line.kind for line in LINES} == KINDS


@pytest.mark.parametrize("code", of("파이썬"))
def test_a_line_of_python_runs(worked, code):
    assert worked.errors[code] is None, worked.errors[code]


@pytest.mark.parametrize("code", of("search_runs 필터"))
def test_a_filter_finds_the_run(worked, client, code):
    found = client.search_runs([worked.ids["EXPERIMENT_ID"]], worked.fill(code))
    assert worked.ids["RUN_ID"] in [run.info.run_id for run in found]


@pytest.mark.parametrize("code", of("거절당하는 필터"))
def test_a_filter_that_the_page_warns_of_is_refused(worked, client, code):
    with pytest.raises(MlflowException, match="Invalid"):
        client.search_runs([worked.ids["EXPERIMENT_ID"]], code)


@pytest.mark.parametrize("code", of("모델과 파일의 URI"))
def test_a_uri_leads_to_files(worked, client, code, tmp_path):
    got = Path(mlflow.artifacts.download_artifacts(worked.fill(code), dst_path=str(tmp_path)))
    assert got.is_file() or any(got.iterdir())


@pytest.mark.parametrize("code", of("트래킹 URI"))
def test_a_tracking_uri_opens_a_store(worked, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ExitStack() as started:
        uri = with_real_stores(worked.fill(code), started)[0]
        found = mlflow.MlflowClient(uri).search_experiments()
    assert "Default" in [experiment.name for experiment in found]


def with_real_stores(code: str, started: ExitStack) -> tuple[str, dict[str, str]]:
    """The line with stores that run in place of those it names, and the variables they need."""
    variables = {}
    if "postgresql://" in code:
        database = started.enter_context(PostgreSQL(quiet=True))
        code = code.replace("postgresql://mlflow:PASSWORD@db/mlflow", database.uri)
    if "s3://mlflow" in code:
        variables = started.enter_context(SeaweedFS(bucket="mlflow", quiet=True)).environment
    return code, variables


@pytest.fixture(scope="module")
def database_copy(worked) -> Path:
    """The server's database, copied to where the page's commands look for it."""
    copy = worked.folder / "mlflow.db"
    with sqlite3.connect(worked.server.folder / "mlflow.db") as live, sqlite3.connect(copy) as new:
        live.backup(new)
    return copy


@pytest.mark.parametrize("code", of("셸"))
def test_a_line_of_the_shell_runs(worked, database_copy, code):
    exported = next(line for line in of("셸") if line.startswith("export "))
    # --fail: curl calls an error page of the server a success.
    line = worked.fill(code).replace("curl ", "curl --fail ")
    name, _, value = worked.fill(exported).removeprefix("export ").partition("=")
    simple = line.startswith("mlflow ") and not set(line) & set("$`|&;<>()*?~")
    result = subprocess.run(
        # Without a shell between, mlflow can start warm, see mlflow_lab.warm_start.
        shlex.split(line) if simple else ["bash", "-euo", "pipefail", "-c", line],
        cwd=worked.folder,
        env=environment() | {name: value},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


class Typed(TrackingServer):
    """A server started by a line of the page, on a port of ours."""

    def __init__(self, line: str, **settings) -> None:
        words = shlex.split(line)
        variables = [word for word in words if word.split("=")[0].isupper()]
        self.words = words[len(variables) :]
        given = dict(variable.split("=", 1) for variable in variables)
        # One worker unless the line says how many: four take as long to start as four servers.
        settings["environment"] = {"MLFLOW_WORKERS": "1", **settings["environment"], **given}
        super().__init__(quiet=True, **settings)

    def _plan(self) -> Launch:
        program = require(self.words[0], "MLflow", "pip install -r requirements.txt")
        # Not onto the network; of two options of one name the last counts.
        arguments = [word.replace("0.0.0.0", "127.0.0.1") for word in self.words[1:]]
        return Launch(Command(program, (*arguments, "--port", str(self.port))))


@pytest.mark.parametrize("code", of("서버"))
def test_a_server_of_the_page_becomes_healthy(worked, code):
    with ExitStack() as started:
        line, variables = with_real_stores(code, started)
        path = {"PATH": environment()["PATH"]}  # `mlflow models serve` starts uvicorn by its name
        variables = {**variables, **path, "MLFLOW_TRACKING_URI": worked.server.uri}
        started.enter_context(Typed(line, environment=variables))


@pytest.mark.parametrize("code", of("클라이언트의 변수", "서버의 변수"))
def test_a_variable_is_read_by_mlflow(code):
    name, _, value = shlex.split(code)[0].partition("=")
    options = {option.envvar for option in server_command.params}
    known = getattr(mlflow.environment_variables, name, None)
    if known is None:
        assert name in options, f"MLflow 3.6.0 does not read {name}"
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, value)
            assert known.get() == known.type(value) if known.type is not bool else known.get()


@pytest.mark.parametrize("code", of("SQL"))
def test_a_query_fits_the_tables(worked, database_copy, code):
    with sqlite3.connect(database_copy) as database:
        database.execute(worked.fill(code)).fetchall()


@pytest.mark.parametrize(
    "page",
    [
        "```python\nx\n```",
        "| 파이썬 | b |\n|---|---|\n| `x` and `y` | c |",
        "| 파이썬 |\n|---|\n| x |",
    ],
)
def test_code_that_nobody_would_run_is_found(tmp_path, page):
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(ValueError):
        lines_of(tmp_path / "page.md")


def test_the_kind_of_a_line_is_the_heading_of_its_column(tmp_path):
    (tmp_path / "page.md").write_text("| 셸 | b |\n|---|---|\n| `a \\| b` | {ref}`c <d>` |\n")
    assert lines_of(tmp_path / "page.md") == [Line("셸", "a | b")]
