"""A training that logs through the proxy loses no metric, whatever stops behind the proxy."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import anyio
import psutil
import psycopg2
import pytest
import requests
from mlflow_lab import TeamServer, ports

from tests.server.program import program
from tests.waiting import WITHIN, wait_until

SERVER = Path(__file__).resolve().parents[2] / "env" / "server"
MORE_THAN_THREADS = 100  # requests; a worker has 40 threads for them
LOGGED_WITHIN = 600  # seconds for what takes 1 or 2, or 5, on an idle machine; with retries


class Training:
    """The running process, and afterwards what the database and the proxy know of it."""

    def __init__(self, team: TeamServer, client: dict[str, str]) -> None:
        self.team = team
        self._log_start = self._log_size()
        script = Path(__file__).with_name("training_process.py")
        self.process = subprocess.Popen(
            [sys.executable, script],
            env=os.environ | client | {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.run_id = self.process.stdout.readline().strip()
        assert self.run_id, self.process.communicate()[1]

    def go_on(self, metrics: int = 30) -> None:
        """Until so many more metrics are in the database."""
        enough = len(self.steps()) + metrics
        self._wait_until(lambda: len(self.steps()) >= enough)

    def wait_for_failover(self, before: int) -> None:
        """Until the proxy has asked a second replica more often than it had before."""
        self._wait_until(lambda: self.answers()[1] > before)

    def _wait_until(self, true: Callable[[], bool]) -> None:
        def found() -> bool:
            assert self.process.poll() is None, self.process.communicate()[1]
            return true()

        wait_until(found, LOGGED_WITHIN)

    def finish(self) -> int:
        """Ends it; the number of metrics it says it logged."""
        out, err = self.process.communicate(timeout=LOGGED_WITHIN)
        assert self.process.returncode == 0, err
        return int(out.split()[0])

    def steps(self) -> list[int]:
        """Of the metrics in the database, in order; a duplicate would be there twice."""
        with closing(psycopg2.connect(self.team.database.uri)) as connection:
            with connection.cursor() as cursor:
                query = "SELECT step FROM metrics WHERE run_uuid = %s AND key = 'loss'"
                cursor.execute(query + " ORDER BY step", (self.run_id,))
                return [step for (step,) in cursor.fetchall()]

    def answers(self) -> tuple[Counter, int]:
        """How often the proxy answered which status, and how often it asked a second replica."""
        text = (self.team.proxy.folder / "access.log").read_text()[self._log_start :]
        lines = [line for line in text.splitlines() if "/runs/log-metric " in line]
        statuses = Counter(int(re.findall(r'" (\d{3}) ', line)[0]) for line in lines)
        return statuses, sum(", 127.0.0.1:" in line for line in lines)

    def _log_size(self) -> int:
        return len((self.team.proxy.folder / "access.log").read_text())


@pytest.fixture
def training(team, kim):
    started = Training(team, kim)
    yield started
    if started.process.poll() is None:
        started.process.kill()
    started.process.communicate()


def check(what: str, training: Training) -> int:
    """Prints the figures. How many requests nginx gave to a second replica."""
    returned = training.finish()
    steps = training.steps()
    statuses, passed_on = training.answers()
    figures = {
        "what": what,
        "calls that returned to the client": returned,
        "metrics in the database": len(steps),
        "answers of the proxy": dict(sorted(statuses.items())),
        "passed on to another replica": passed_on,
    }
    print(f"\n{json.dumps(figures)}")
    assert steps == list(range(returned))
    assert statuses[200] >= returned
    return passed_on


def kill(replica) -> None:
    os.killpg(replica.pid, signal.SIGKILL)
    wait_until(lambda: not replica.running)


@pytest.fixture(autouse=True)
def whole_again(request):
    """What a test stopped and did not start again is no failure of the next one."""
    yield
    if "team" not in request.fixturenames:
        return
    team = request.getfixturevalue("team")
    for replica in team.replicas:
        if replica.running:
            os.killpg(replica.pid, signal.SIGCONT)
    for component in (team.database, *team.replicas):
        component.start()


def test_a_replica_killed_and_started_again(team, training):
    replica = team.replicas[1]
    training.go_on()
    before = training.answers()[1]
    kill(replica)
    # A request that the replica had taken is lost: nginx waits for 5 s.
    training.wait_for_failover(before)
    training.go_on()
    replica.start()
    training.go_on()
    passed_on = check("replica killed", training)
    assert passed_on > 0


def test_an_answer_begins_once_its_first_piece_is_there():
    """One that breaks off after its head is not asked for again by MLflow's client."""
    application = program("application.py")
    head_is_given, go_on = Event(), Event()
    sent: list[str] = []

    def app(environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        head_is_given.set()
        assert go_on.wait(WITHIN)
        return [b"{}"]

    async def receive() -> dict:
        return {"type": "http.request"}

    async def send(message: dict) -> None:
        sent.append(message["type"])

    async def answer() -> None:
        request = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/"}
        scope = request | {"query_string": b"", "headers": []}
        async with anyio.create_task_group() as group:
            group.start_soon(application._StreamingResponder(app, scope), receive, send)
            try:
                with anyio.fail_after(WITHIN):
                    while not head_is_given.is_set():
                        await anyio.sleep(0.01)
                await anyio.wait_all_tasks_blocked()
                assert sent == []
            finally:
                go_on.set()

    with ThreadPoolExecutor(1) as pool:  # Playwright's event loop may have this thread
        pool.submit(anyio.run, answer).result()
    assert sent[:2] == ["http.response.start", "http.response.body"]


@contextmanager
def watched(replica) -> Iterator[socket.socket]:
    """watch.py beside a replica, as start.sh runs it; yields what systemd hears."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(f"{folder}/notify")
        heard.settimeout(WITHIN)
        environment = os.environ | {
            "MLFLOW_PORT": str(replica.port),
            "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*",
            "NOTIFY_SOCKET": f"{folder}/notify",
        }
        command = [sys.executable, str(SERVER / "watch.py"), str(replica.pid)]
        with heard, subprocess.Popen(command, env=environment) as watch:
            try:
                yield heard
            finally:
                watch.kill()


def test_a_replica_that_hangs_is_ended_and_nobody_notices(team, training):
    hanging, other = team.replicas
    path = "/api/2.0/mlflow/experiments/search?max_results=1"
    log = team.proxy.folder / "access.log"

    def search(_: int) -> int:
        user = ("admin", team.password)
        answer = requests.get(team.uri + path, auth=user, verify=team.certificate, timeout=WITHIN)
        return answer.status_code

    def both_are_asked() -> bool:
        before = len(log.read_text())
        assert [search(0), search(1)] == [200] * 2
        lines = log.read_text()[before:]
        return all(f"127.0.0.1:{replica.port} " in lines for replica in team.replicas)

    # nginx asks one that failed in the test before only after 5 s, and then one request at a time.
    wait_until(both_are_asked)
    training.go_on()
    with watched(hanging) as heard, ThreadPoolExecutor(8) as pool:
        assert [heard.recv(64) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
        os.killpg(hanging.pid, signal.SIGSTOP)
        # Every second of them waits at the replica that hangs; nginx asks the other one then.
        assert list(pool.map(search, range(8))) == [200] * 8
        wait_until(lambda: not hanging.running)
    training.go_on()
    assert other.running
    hanging.start()  # as systemd and the container engine do
    training.go_on()
    check("replica that hangs", training)


def test_a_replica_that_never_answers_is_ended_after_a_while():
    script = "import sys, watch; watch.STARTED_WITHIN = 0; watch.main(int(sys.argv[1]))"
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as replica:
        environment = os.environ | {
            "PYTHONPATH": str(SERVER),
            "MLFLOW_PORT": str(ports.free()[0]),
            "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*",
        }
        try:
            watch = subprocess.run(
                [sys.executable, "-B", "-c", script, str(replica.pid)],
                env=environment,
                capture_output=True,
                text=True,
                timeout=WITHIN,
            )
            assert replica.wait(WITHIN) == -signal.SIGKILL
        finally:
            replica.kill()
    assert watch.stderr == "The replica did not answer within 0 s: it is killed.\n"


def test_a_replica_whose_threads_all_wait_for_the_database_does_not_hang(team, monkeypatch):
    """/health waits behind them; what watch.py asks for does not."""
    replica = team.replicas[0]
    monkeypatch.setenv("MLFLOW_PORT", str(replica.port))
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "127.0.0.1:*")
    watch = program("watch.py")
    monkeypatch.setattr(watch, "WITHIN", WITHIN)
    database = psutil.Process(team.database.pid)
    processes = [database, *database.children()]

    def ask(_: int) -> int:
        uri = f"{replica.uri}/api/2.0/mlflow/users/get?username=admin"
        user = ("admin", team.password)
        return requests.get(uri, auth=user, timeout=LOGGED_WITHIN).status_code

    def health_waits() -> bool:
        try:
            requests.get(f"{replica.uri}/health", timeout=1)
        except requests.Timeout:
            return True
        return False

    with ThreadPoolExecutor(MORE_THAN_THREADS) as pool:
        for process in processes:
            process.suspend()
        try:
            asked = [pool.submit(ask, n) for n in range(MORE_THAN_THREADS)]
            wait_until(health_waits)
            assert watch.answers()
            assert not any(future.done() for future in asked)
        finally:
            for process in processes:
                process.resume()
        assert {future.result() for future in asked} == {200}


def test_a_rolling_restart(team, training):
    for replica in team.replicas:
        training.go_on()
        replica.stop()
        training.go_on()
        replica.start()
    training.go_on()
    check("rolling restart", training)


def test_the_database_stopped_and_started_again(team, training):
    training.go_on()
    team.database.stop()
    health = requests.get(f"{team.uri}/health", verify=team.certificate, timeout=WITHIN)
    assert health.status_code == 200
    assert [ready(replica) for replica in team.replicas] == [False, False]
    team.database.start()
    training.go_on()
    assert [ready(replica) for replica in team.replicas] == [True, True]
    check("database stopped and started", training)


def ready(replica) -> bool:
    """What env/server/ready.py says of a replica."""
    environment = os.environ | {"MLFLOW_PORT": str(replica.port)}
    command = [sys.executable, str(SERVER / "ready.py")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    print(result.stdout, end="")
    return result.returncode == 0
