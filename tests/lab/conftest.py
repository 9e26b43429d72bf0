"""What the tests of `mlflow_lab` share."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import mlflow
import psutil
import pytest
import requests
from mlflow_lab import TrackingServer
from mlflow_lab.certificate import self_signed

from tests.lab.footprint import alive
from tests.waiting import WITHIN, wait_until


def log_run(uri: str) -> str:
    """Logs a run with a metric and an artifact; returns its id."""
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 0.5)
    client.log_text(run_id, "hello", "note.txt")
    client.set_terminated(run_id)
    return run_id


@pytest.fixture(autouse=True)
def tracking_uri_as_before() -> Iterator[None]:
    """What a test sets is not there for the next one."""
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that is kept after stop, and that any user can enter (tmp_path is private)."""
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def certified_folder(open_folder) -> Path:
    """An open folder with key.pem and cert.pem for 127.0.0.1."""
    for name, content in zip(("key.pem", "cert.pem"), self_signed(), strict=True):
        (open_folder / name).write_text(content)
    return open_folder


@contextmanager
def _typed(line: str, folder: Path) -> Iterator[None]:
    typed = subprocess.Popen(
        f"exec env {line.removeprefix('$ ')}",
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield
    finally:
        leader = psutil.Process(typed.pid)
        group = [leader, *leader.children(recursive=True)]
        os.killpg(typed.pid, signal.SIGTERM)
        typed.wait(WITHIN)
        # What it started may write into the folder for a while.
        wait_until(lambda: not any(alive(process) for process in group))


@pytest.fixture
def typed() -> Callable[[str, Path], AbstractContextManager[None]]:
    """Runs a printed command in a folder, as a reader would who has the environment activated."""
    return _typed


@pytest.fixture
def answer() -> Callable[[str], requests.Response]:
    """Waits until something answers at a URL, whatever it answers."""

    def answers(url: str) -> list[requests.Response]:
        try:
            return [requests.get(url, timeout=WITHIN)]
        except requests.ConnectionError:
            return []

    return lambda url: wait_until(lambda: answers(url))[0]


@pytest.fixture(scope="session")
def server() -> Iterator[TrackingServer]:
    """A server with default options, started where MLFLOW_* variables point elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        patch.setenv("MLFLOW_RUN_ID", "0" * 32)
        component = TrackingServer(quiet=True).start()
    yield component
    component.stop()
