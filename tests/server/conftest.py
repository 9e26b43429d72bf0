"""One started stack of env/server for all tests of this folder."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from mlflow_lab import LabError, TeamServer

from tests.server.container_engine import Engine
from tests.server.private_podman import private_podman

GROUP = "team_server"


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """Tests that use the stack run one after the other, on one worker of xdist."""
    for item in items:
        if {"team", "open_team_folder"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(GROUP))


@contextmanager
def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="team-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def open_team_folder() -> Iterator[Path]:
    """A folder that PostgreSQL can enter, whoever runs it."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def team() -> Iterator[TeamServer]:
    """PostgreSQL, S3 store, two replicas with basic-auth, nginx with TLS: see `TeamServer`."""
    # With a folder the data are kept, so that tests can stop the database and start it again.
    with _open_folder() as folder, TeamServer(workers=2, folder=folder, quiet=True) as server:
        yield server


@pytest.fixture(scope="session")
def kim(team) -> dict[str, str]:
    """Variables of the client of a user who is not an administrator."""
    return team.create_user("kim")


@pytest.fixture(scope="session")
def engine(root: Path) -> Iterator[Engine]:
    """Podman, with stand-ins for the images of compose.yaml."""
    with ExitStack() as stack:
        try:
            compose_file = root / "env" / "server" / "compose.yaml"
            podman = private_podman(root / "_build" / "containers", compose_file)
            yield stack.enter_context(podman)
        except LabError as error:
            # Debian and its kin are where `make test-containers` installs what this needs.
            (pytest.fail if shutil.which("apt-get") else pytest.skip)(str(error))
