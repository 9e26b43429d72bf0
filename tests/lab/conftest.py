"""What the tests of `mlflow_lab` share."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import requests
from mlflow_lab import TrackingServer


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
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1"
    subprocess.run(
        [*make.split(), "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=open_folder,
        check=True,
        capture_output=True,
    )
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
        os.killpg(typed.pid, signal.SIGTERM)
        typed.wait(timeout=20)


@pytest.fixture
def typed() -> Callable[[str, Path], AbstractContextManager[None]]:
    """Runs a printed command in a folder, as a reader would who has the environment activated."""
    return _typed


@pytest.fixture
def answer() -> Callable[[str], requests.Response]:
    """Waits until something answers at a URL."""

    def wait(url: str, within: float = 60.0) -> requests.Response:
        deadline = time.monotonic() + within
        while True:
            try:
                return requests.get(url, timeout=5)
            except requests.ConnectionError:
                assert time.monotonic() < deadline, f"{url} does not answer"
                time.sleep(0.05)

    return wait


@pytest.fixture(scope="session")
def server() -> Iterator[TrackingServer]:
    """A server with default options, started where MLFLOW_* variables point elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        patch.setenv("MLFLOW_RUN_ID", "0" * 32)
        component = TrackingServer(quiet=True).start()
    yield component
    component.stop()
