"""One started stack of env/server for all tests of this folder."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_lab import TeamServer

GROUP = "team_server"


def pytest_collection_modifyitems(items):
    """Tests that use the stack run one after the other, on one worker of xdist."""
    for item in items:
        if "team" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(GROUP))


@pytest.fixture(scope="session")
def team() -> Iterator[TeamServer]:
    """PostgreSQL, S3 store, two replicas with basic-auth, nginx with TLS: see `TeamServer`."""
    # Kept data, so that the database can be stopped and started. PostgreSQL must get in.
    folder = Path(tempfile.mkdtemp(prefix="team-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with TeamServer(folder=folder, quiet=True) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kim(team) -> dict[str, str]:
    """Variables of the client of a user who is not an administrator."""
    return team.create_user("kim")
