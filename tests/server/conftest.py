"""One started stack of env/server for all tests of this folder."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow_lab import TeamServer

GROUP = "team_server"


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
    with _open_folder() as folder, TeamServer(folder=folder, quiet=True) as server:
        yield server


@pytest.fixture(scope="session")
def kim(team) -> dict[str, str]:
    """Variables of the client of a user who is not an administrator."""
    return team.create_user("kim")
