"""A training that logs through the proxy loses no metric, whatever stops behind the proxy."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import requests
from mlflow_lab import TeamServer

from tests.waiting import WITHIN, wait_until

LOGGED_WITHIN = 600  # seconds for what takes 1 or 2, or 5, on an idle machine; with retries


class Training:
    """The running process, and afterwards what the database and the proxy know of it."""

    def __init__(self, team: TeamServer, client: dict[str, str]) -> None:
        self.team = team
        self._log_start = self._log_size()
        script = Path(__file__).with_name("training.py")
        self.process = subprocess.Popen(
            [sys.executable, script],
            env=os.environ | client | {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.run_id = self.process.stdout.readline().strip()
        assert self.run_id, self.process.communicate()[1]

    def go_on(self, metrics: int = 30) -> None:
        """Until so many more metrics are in the database."""
        enough = len(self.steps()) + metrics
        self._wait_until(lambda: len(self.steps()) >= enough)

    def be_passed_on(self, before: int) -> None:
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
        statuses = Counter(int(re.search(r'" (\d{3}) ', line)[1]) for line in lines)
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


def test_replicas_killed_in_turn_and_started_again(team, training):
    for replica in team.replicas:
        training.go_on()
        before = training.answers()[1]
        kill(replica)
        training.be_passed_on(before)  # a request that it had taken is lost: nginx waits for 5 s
        training.go_on()
        replica.start()
    training.go_on()
    passed_on = check("replicas killed in turn", training)
    assert passed_on > 0


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
    script = Path(__file__).resolve().parents[2] / "env" / "server" / "ready.py"
    environment = os.environ | {"MLFLOW_PORT": str(replica.port)}
    command = [sys.executable, script]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    print(result.stdout, end="")
    return result.returncode == 0
