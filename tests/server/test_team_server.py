"""The stack of env/server does what a team needs, and cleans up behind itself."""

import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import boto3
import psutil
import psycopg2
import pytest
import requests
from mlflow.server.auth import config as auth_config
from mlflow_lab import StartFailed, TeamServer

from tests.lab.footprint import Footprint
from tests.server.test_settings import connections
from tests.waiting import WITHIN

API = "/api/2.0/mlflow"
MEGABYTE = 1_000_000


class Caller:
    """Requests of one user through the proxy."""

    def __init__(self, team: TeamServer, client: dict[str, str]) -> None:
        self.team = team
        self.auth = (client["MLFLOW_TRACKING_USERNAME"], client["MLFLOW_TRACKING_PASSWORD"])

    def __call__(self, method: str, path: str, **parts) -> requests.Response:
        return requests.request(
            method,
            f"{self.team.uri}{path}",
            auth=self.auth,
            verify=str(self.team.certificate),
            timeout=300,  # as the proxy
            **parts,
        )

    def new_experiment(self) -> str:
        name = f"of {self.auth[0]} {os.urandom(3).hex()}"
        answer = self("POST", f"{API}/experiments/create", json={"name": name})
        return answer.json()["experiment_id"]


@pytest.fixture
def admin(team) -> Caller:
    return Caller(team, team.environment())


@pytest.fixture
def user(team) -> Caller:
    return Caller(team, team.create_user(f"user-{os.urandom(3).hex()}"))


def test_a_client_without_keys_of_the_store_logs_a_file_and_reads_it_back(team, kim):
    script = (
        "import mlflow; mlflow.set_experiment('files')\n"
        "with mlflow.start_run() as run: mlflow.log_text('안녕', 'note.txt')\n"
        "print(mlflow.artifacts.load_text(run.info.artifact_uri + '/note.txt'))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_"))}
    environment |= kim | {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == "안녕", result.stderr


def test_a_file_larger_than_any_other_body_arrives_in_the_store(team, user):
    data = os.urandom(35 * MEGABYTE)
    path = f"{user.new_experiment()}/big.bin"
    assert user("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", data=data).status_code == 200
    s3 = boto3.client(
        "s3",
        endpoint_url=team.store.endpoint_url,
        aws_access_key_id=team.store.access_key,
        aws_secret_access_key=team.store.secret_key,
        region_name="us-east-1",
    )
    stored = s3.get_object(Bucket="mlflow", Key=path)["Body"].read()
    read = user("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}").content
    assert {hashlib.sha256(content).hexdigest() for content in (data, stored, read)} == {
        hashlib.sha256(data).hexdigest()
    }
    listed = user("GET", "/api/2.0/mlflow-artifacts/artifacts", params={"path": path.split("/")[0]})
    assert listed.json() == {
        "files": [{"path": "big.bin", "is_dir": False, "file_size": len(data)}]
    }


@pytest.mark.parametrize(("size", "status"), [(5 * MEGABYTE, 200), (40 * MEGABYTE, 413)])
def test_a_file_of_unknown_length_is_stored_whole_or_refused(user, size, status):
    data = os.urandom(size)
    path = f"/api/2.0/mlflow-artifacts/artifacts/{user.new_experiment()}/stream.bin"
    chunks = (data[at : at + 65536] for at in range(0, size, 65536))
    assert user("PUT", path, data=chunks).status_code == status
    stored = user("GET", path)
    assert stored.content == data if status == 200 else stored.status_code == 500


def test_any_other_body_has_its_limit(user):
    answer = user("POST", f"{API}/runs/log-batch", data=b"x" * 34 * MEGABYTE)
    assert answer.status_code == 413


def test_nobody_writes_into_the_experiment_of_another(user, kim, team):
    experiment = Caller(team, kim).new_experiment()
    for prefix in ("/api", "/ajax-api"):
        path = f"{prefix}/2.0/mlflow-artifacts/artifacts/{experiment}/planted.txt"
        assert user("PUT", path, data=b"x").status_code == 403
        assert user("DELETE", path).status_code == 403
    upload = f"/api/2.0/mlflow-artifacts/mpu/create/{experiment}"
    assert user("POST", upload, json={"path": "x", "num_parts": 1}).status_code == 403
    assert user("POST", f"{API}/runs/create", json={"experiment_id": experiment}).status_code == 403
    assert Caller(team, kim)("POST", f"{API}/runs/create", json={"experiment_id": experiment}).ok


def test_what_basic_auth_overlooks_is_refused_by_a_replica_itself(user, kim, team):
    """Each of these is 200 without permissions.py."""
    owner = Caller(team, kim)
    experiment = owner.new_experiment()
    no = {"experiment_id": experiment, "username": user.auth[0], "permission": "NO_PERMISSIONS"}
    assert owner("POST", f"{API}/experiments/permissions/create", json=no).ok
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    query = f'{{ mlflowGetExperiment(input: {{experimentId: "{experiment}"}}) {{ __typename }} }}'

    def ask(caller: Caller, method: str, path: str, **parts) -> requests.Response:
        uri = f"{team.replicas[0].uri}{path}"
        return requests.request(method, uri, auth=caller.auth, timeout=WITHIN, **parts)

    def statuses(caller: Caller) -> list[int]:
        file = f"/ajax-api/2.0/mlflow-artifacts/artifacts/{experiment}/planted.txt"
        return [
            ask(caller, "PUT", file, data=b"x").status_code,
            ask(
                caller, "POST", "/api/3.0/mlflow/traces/search", json={"locations": [place]}
            ).status_code,
        ]

    assert (statuses(user), statuses(owner)) == ([403, 403], [200, 200])
    graph = [ask(c, "POST", "/graphql", json={"query": query}).json() for c in (user, owner)]
    assert [g["data"]["mlflowGetExperiment"] is not None for g in graph] == [False, True]


def test_metrics_are_for_inside(team, admin):
    assert admin("GET", "/metrics").status_code == 403
    replica = team.replicas[0].uri
    assert requests.get(f"{replica}/metrics", timeout=WITHIN).status_code == 401
    text = requests.get(f"{replica}/metrics", auth=admin.auth, timeout=WITHIN).text
    assert "mlflow_http_request_duration_seconds_count" in text


def test_a_changed_password_and_a_removed_user_count_at_once_on_all_replicas(team, admin, user):
    def statuses(password: str) -> set[int]:
        """Of four requests to each replica, so that a password that matched is known there."""
        return {
            requests.get(
                f"{r.uri}/version", auth=(user.auth[0], password), timeout=WITHIN
            ).status_code
            for r in team.replicas
            for _ in range(4)
        }

    name, old = user.auth
    assert statuses(old) == {200}
    assert statuses("wrong") == {401}
    new = {"username": name, "password": "another password"}
    assert admin("PATCH", f"{API}/users/update-password", json=new).ok
    assert (statuses(old), statuses(new["password"])) == ({401}, {200})
    assert admin("DELETE", f"{API}/users/delete", json={"username": name}).ok
    assert statuses(new["password"]) == {401}


def test_the_first_password_of_mlflow_opens_nothing(team):
    """basic_auth.ini as MLflow ships it has one that everybody knows."""
    shipped = Path(auth_config.__file__).with_name("basic_auth.ini").read_text()
    assert "admin_password = password1234" in shipped
    answer = requests.get(
        team.uri, auth=("admin", "password1234"), verify=team.certificate, timeout=WITHIN
    )
    assert answer.status_code == 401


def test_no_secret_is_in_a_command_line(team, admin):
    secrets = [admin.auth[1], team.store.secret_key, team.database.uri.split(":")[2].split("@")[0]]
    for component in (team.database, team.store, *team.replicas, team.proxy):
        shown = "\n".join(component._command_lines())
        processes = [psutil.Process(component.pid)]
        processes += processes[0].children(recursive=True)
        typed = "\n".join(map(command_line, processes))
        for secret in secrets:
            assert secret not in shown + typed, component


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # PostgreSQL's come and go
        return ""


def test_many_at_once_are_answered_by_new_replicas_and_the_database_has_room(team, user):
    experiment = user.new_experiment()
    requested = [
        ("POST", f"{API}/runs/create", {"json": {"experiment_id": experiment}}),
        ("POST", f"{API}/runs/search", {"json": {"experiment_ids": [experiment]}}),
        ("GET", f"{API}/registered-models/search", {}),
    ] * 40
    done = Event()
    for replica in team.replicas:  # at once, these may be its first requests
        replica.stop()
        replica.start()

    def watch() -> int:
        most = 0
        with closing(psycopg2.connect(team.database.superuser_uri)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not done.is_set():
                    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mlflow'")
                    ((now,),) = cursor.fetchall()
                    most = max(most, now)
                    time.sleep(0.02)
        return most

    with ThreadPoolExecutor(33) as pool:
        watching = pool.submit(watch)
        answers = list(pool.map(lambda r: user(r[0], r[1], **r[2]).status_code, requested))
        done.set()
        peak = watching.result()
    most = connections(team.replicas[0]._extra_environment, len(team.replicas))
    print(
        f"\n{len(answers)} requests, 32 at once: {Counter(answers)}, {peak} connections of {most}"
    )
    assert set(answers) == {200}
    assert peak <= most


def test_stopped_and_started_again_nothing_is_lost(open_team_folder):
    with TeamServer(1, folder=open_team_folder, quiet=True) as team:
        footprints = [Footprint(c) for c in (team.database, team.store, *team.replicas, team.proxy)]
        client = team.create_user("lee")
        experiment = Caller(team, client).new_experiment()
        path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/note.txt"
        Caller(team, client)("PUT", path, data=b"kept").raise_for_status()
        password = team.password
    assert [
        left
        for f in footprints
        for left in f.leftovers()
        if not left.startswith("folder /tmp/team")
    ] == []
    with team:
        assert team.password == password
        assert Caller(team, client)("GET", path).content == b"kept"
    assert (open_team_folder / ".env").stat().st_mode & 0o777 == 0o600


def test_a_replica_that_does_not_start_leaves_nothing_running(capfd):
    team = TeamServer(settings={"MLFLOW_AUTH_ADMIN_PASSWORD": "short"})
    with pytest.raises(StartFailed) as failure:
        team.start()
    assert "Password must be a string" in failure.value.log
    components = [team.database, team.store, *team.replicas]
    assert [component.running for component in components] == [False] * 4
    assert not any(component.folder.exists() for component in components)
    assert "sh start.sh" in capfd.readouterr().out
