"""A training that logs through the proxy loses no metric, whatever stops behind the proxy."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import requests
from mlflow_lab import TeamServer

WITHIN = 120  # seconds for what takes 1 or 2 on a quiet machine, retries of the client included


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
        deadline = time.monotonic() + WITHIN
        enough = len(self.steps()) + metrics
        while len(self.steps()) < enough:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def finish(self) -> int:
        """Ends it; the number of metrics it says it logged."""
        out, err = self.process.communicate(timeout=WITHIN)
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
    while replica.running:
        time.sleep(0.01)


def test_replicas_killed_in_turn_and_started_again(team, training):
    for replica in team.replicas:
        training.go_on()
        kill(replica)
        training.go_on(100)
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
    health = requests.get(f"{team.uri}/health", verify=team.certificate, timeout=30)
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
