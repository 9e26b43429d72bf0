"""The tests of test_compose with Docker and the images themselves, then the concept chapters.

    pytest tests/server/with_docker.py

Not collected by itself: it needs Docker and the registries of images. A workflow runs it.
"""

import secrets

import pytest
import requests

from tests.remote_lane import run_chapters
from tests.server.engine import DOCKER
from tests.server.private_podman import BASE
from tests.server.test_compose import *  # noqa: F403 (every test of it, and its fixtures)
from tests.waiting import WITHIN


@pytest.fixture(scope="module")
def engine():
    DOCKER("pull", "--quiet", BASE)  # the builder alone has it otherwise; its size is looked at
    return DOCKER


def test_the_concept_chapters_run_against_it(stack):
    user = {"username": "remote-client", "password": secrets.token_urlsafe(16)}
    requests.post(
        f"{stack.uri}/api/2.0/mlflow/users/create",
        json=user,
        auth=("admin", stack.client["MLFLOW_TRACKING_PASSWORD"]),
        verify=stack.client["MLFLOW_TRACKING_SERVER_CERT_PATH"],
        timeout=WITHIN,
    ).raise_for_status()
    client = stack.client | {
        "MLFLOW_TRACKING_USERNAME": user["username"],
        "MLFLOW_TRACKING_PASSWORD": user["password"],
    }
    assert run_chapters(client, ["-n", "2", "notebooks/concepts"]) == 0
