"""The tests of test_compose with Docker and the images themselves, then the concept chapters.

    pytest tests/server/with_docker.py

Not collected by itself: it needs Docker and the registries of images. A workflow runs it.
"""

import pytest

from tests.server.container_engine import DOCKER, Engine
from tests.server.deployment import Deployment
from tests.server.private_podman import BASE
from tests.server.test_compose import *  # noqa: F403 (every test of it, and its fixtures)
from tools.remote_lane import run_chapters


@pytest.fixture(scope="module")  # in the place of the imported one
def engine() -> Engine:
    DOCKER("pull", "--quiet", BASE)  # the builder alone has it otherwise; its size is looked at
    return DOCKER


def test_the_concept_chapters_run_against_it(stack: Deployment) -> None:
    assert run_chapters(stack.client, ["-n", "2", "notebooks/concepts"]) == 0
