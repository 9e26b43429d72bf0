"""Files pass through the deployed server in memory that their size does not matter to."""

import os
import socket
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

import psutil
import pytest
import requests
from mlflow_lab import TeamServer
from mlflow_lab.team_server import Replica

from tests.waiting import WITHIN, wait_until

MB = 2**20
FILES = "/api/2.0/mlflow-artifacts/artifacts"
STALLED = 60  # more than a worker has threads
SIZE = 256  # MB; what a worker imports for its first file is a fifth of it


@pytest.fixture(scope="module")
def owner(team) -> tuple[str, str]:
    client = team.create_user("owner-of-large-files")
    return client["MLFLOW_TRACKING_USERNAME"], client["MLFLOW_TRACKING_PASSWORD"]


@pytest.fixture(scope="module")
def folder(team, owner) -> str:
    """Path of the artifacts of an experiment, in which both replicas stored a file."""
    answer = requests.post(
        f"{team.uri}/api/2.0/mlflow/experiments/create",
        json={"name": "large files"},
        auth=owner,
        verify=str(team.certificate),
        timeout=WITHIN,
    )
    path = f"{FILES}/{answer.json()['experiment_id']}"
    for replica in team.replicas:  # the first file imports the client of the store
        put(replica.uri, f"{path}/first.bin", os.urandom(2 * MB), owner).raise_for_status()
    return path


def put(uri: str, path: str, data: bytes, auth: tuple[str, str], **options) -> requests.Response:
    return requests.put(f"{uri}{path}", data=data, auth=auth, timeout=WITHIN, **options)


def processes(replica: Replica) -> list[psutil.Process]:
    """The workers, and what started them."""
    return psutil.Process(replica.pid).children(recursive=True)


def wait_until_idle(replica: Replica) -> None:
    """Until its workers have done what they can."""
    workers, spent = processes(replica), deque[float](maxlen=20)

    def nothing_more_happens() -> bool:
        spent.append(sum(sum(process.cpu_times()[:2]) for process in workers))
        return len(spent) == spent.maxlen and len(set(spent)) == 1

    wait_until(nothing_more_happens)


@contextmanager
def watched(team: TeamServer) -> Iterator[Callable[[], float]]:
    """By how many MB the memory of a worker grew at most, asked after the block."""
    workers = [process for replica in team.replicas for process in processes(replica)]
    before = [process.memory_info().rss for process in workers]
    growth, done = [0], Event()

    def watch() -> None:
        while not done.wait(0.01):
            now = [process.memory_info().rss for process in workers]
            growth.append(max(n - b for n, b in zip(now, before, strict=True)))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(growth) / MB
    finally:
        done.set()
        thread.join()


def test_a_large_file_is_stored_in_little_memory(team, owner, folder):
    data = os.urandom(SIZE * MB)
    with watched(team) as growth:
        answer = put(team.uri, f"{folder}/large.bin", data, owner, verify=str(team.certificate))
    assert answer.status_code == 200
    print(f"\n{SIZE} MB stored: a worker grew by {growth():.0f} MB")
    assert growth() < SIZE / 2
    uri = f"{team.replicas[0].uri}{folder}/large.bin"
    assert requests.get(uri, auth=owner, timeout=WITHIN).content == data


@pytest.mark.parametrize("newlines", ["everywhere", "nowhere"])
def test_a_large_file_is_given_in_little_memory(team, owner, folder, newlines):
    data = (b"\n" if newlines == "everywhere" else b"\0") * SIZE * MB
    path = f"{folder}/{newlines}.bin"
    put(team.replicas[0].uri, path, data, owner).raise_for_status()
    with watched(team) as growth:
        answer = requests.get(
            f"{team.uri}{path}", auth=owner, verify=str(team.certificate), timeout=WITHIN
        )
    assert answer.content == data
    print(f"\n{SIZE} MB given, newlines {newlines}: a worker grew by {growth():.0f} MB")
    assert growth() < SIZE / 2


def test_a_client_that_does_not_read_costs_little_memory(team, owner, folder):
    replica = team.replicas[0]
    put(replica.uri, f"{folder}/slow.bin", os.urandom(SIZE * MB), owner).raise_for_status()
    uri = f"{replica.uri}{folder}/slow.bin"
    with watched(team) as growth:
        with requests.get(uri, auth=owner, timeout=WITHIN, stream=True) as answer:
            wait_until_idle(replica)
            assert sum(map(len, answer.iter_content(MB))) == SIZE * MB
    print(f"\n{SIZE} MB waiting for their reader: a worker grew by {growth():.0f} MB")
    assert growth() < SIZE / 2


@pytest.mark.parametrize("size", [MB // 2, 16 * MB])
def test_a_refusal_is_read_by_whoever_sent_a_file(team, owner, folder, size):
    path, data = f"{folder}/planted.bin", bytes(size)
    other = team.create_user(f"other-{os.urandom(3).hex()}")
    outsider = (other["MLFLOW_TRACKING_USERNAME"], other["MLFLOW_TRACKING_PASSWORD"])
    for uri, verify in ((team.uri, str(team.certificate)), (team.replicas[0].uri, True)):
        for sender, status in ((outsider, 403), ((owner[0], "wrong"), 401)):
            assert put(uri, path, data, sender, verify=verify).status_code == status


def test_uploads_that_stall_leave_room_for_other_requests(team, owner, folder):
    replica = team.replicas[0]
    user = b64encode(":".join(owner).encode()).decode()
    head = f"PUT {folder}/stalled.bin HTTP/1.1\r\nHost: 127.0.0.1:{replica.port}\r\n"
    head += f"Authorization: Basic {user}\r\nContent-Length: {2 * MB}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(STALLED):
            address = ("127.0.0.1", replica.port)
            stalled = stack.enter_context(socket.create_connection(address, WITHIN))
            stalled.sendall(head.encode() + bytes(MB // 2))
        wait_until_idle(replica)
        assert requests.get(f"{replica.uri}/health", timeout=WITHIN).status_code == 200
