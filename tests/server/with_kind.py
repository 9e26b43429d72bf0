"""env/server/kubernetes is applied to a cluster of kind, used, upgraded, and loses its database.

    pytest tests/server/with_kind.py

Not collected by itself: it needs Docker, kind 0.24 or newer (whose network enforces policies),
kubectl and the registries of images. A workflow runs it.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT
from tests.waiting import WITHIN, wait_until

SERVER = ROOT / "env" / "server"
OURS = Path(__file__).with_name("kind")
RELEASES = "https://github.com/kubernetes-sigs/gateway-api/releases/download"
GATEWAY_API = f"{RELEASES}/v1.2.1/standard-install.yaml"
IMAGE = "registry.example.com/mlflow-server"
URI = "http://127.0.0.1:8080"
STALLS = 90  # seconds: three times as long as a request waits for a connection
REQUESTS = 200  # more than all threads: 2 replicas x 2 workers x 40


def run(*command: str | Path, stdin: str | None = None, within: int = 600) -> str:
    """What it printed. Raises AssertionError with all of that if it failed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=within)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Cluster:
    """A cluster of its own, with the server in it. A context manager.

    Attributes:
        overlay: folder that is applied.
        password: of the administrator.
    """

    def __init__(self, folder: Path) -> None:
        self._name = f"mlflow-{secrets.token_hex(3)}"
        self._kubeconfig = folder / "kubeconfig"
        self._folder = folder
        self.overlay = folder / "kubernetes" / "kind"
        self.password = secrets.token_hex(12)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        return run("kubectl", "--kubeconfig", self._kubeconfig, *arguments, stdin=stdin)

    def sql(self, statement: str) -> str:
        where = ("--namespace", "stores", "deployment/database", "--")
        return self.kubectl("exec", *where, "psql", "--username=mlflow", "--command", statement)

    def __enter__(self) -> "Cluster":
        dockerfile = SERVER / "Dockerfile"
        run("docker", "build", "--file", dockerfile, "--tag", f"{IMAGE}:3.6.0", ROOT, within=1800)
        run("docker", "tag", f"{IMAGE}:3.6.0", f"{IMAGE}:3.6.0-1")
        kind = ("kind", "create", "cluster", "--name", self._name, "--wait", "5m")
        run(*kind, "--kubeconfig", self._kubeconfig)
        for tag in ("3.6.0", "3.6.0-1"):
            run("kind", "load", "docker-image", f"{IMAGE}:{tag}", "--name", self._name)
        self._start_stores()
        self.kubectl("apply", "--server-side", "--filename", GATEWAY_API)
        return self

    def __exit__(self, *_: object) -> None:
        run("kind", "delete", "cluster", "--name", self._name)

    def _start_stores(self) -> None:
        shutil.copytree(SERVER / "kubernetes", self._folder / "kubernetes")
        shutil.copytree(OURS, self.overlay)
        example = self.overlay.with_name("example")
        ca, tls = self._folder / "ca", self._folder / "tls"
        run("sh", SERVER / "new-certificate.sh", ca, tls, "database.stores.svc")
        shutil.copy(ca / "ca.crt", example / "database-ca.crt")
        of_database = secrets.token_hex(12)
        keys = {n: secrets.token_hex(12) for n in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        uri = f"postgresql://mlflow:{of_database}@database.stores.svc:5432/mlflow"
        settings = keys | {
            "MLFLOW_BACKEND_STORE_URI": f"{uri}?sslmode=verify-full",
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(12),
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
        }
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (example / "secret.env").write_text("".join(lines))
        texts = {name: (tls / name).read_text() for name in ("mlflow.crt", "mlflow.key")}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "stores", "namespace": "stores"},
            "stringData": {"POSTGRES_PASSWORD": of_database, **keys, **texts},
        }
        self.kubectl("create", "namespace", "stores")
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(secret))
        self.kubectl("apply", "--filename", self.overlay / "stores.yaml")
        available = ("--for=condition=available", "--timeout=10m", "--all")
        self.kubectl("wait", "deployment", "--namespace", "stores", *available)

    def roll_out(self) -> None:
        """The commands of example/kustomization.yaml."""
        job = ("job/mlflow-migration", "--namespace", "mlflow")
        self.kubectl("delete", *job, "--ignore-not-found")
        self.kubectl("apply", "--kustomize", self.overlay)
        self.kubectl("wait", *job, "--for=condition=complete", "--timeout=10m")

    def is_available(self) -> None:
        for name in ("mlflow", "mlflow-proxy"):
            status = ("rollout", "status", f"deployment/{name}", "--namespace", "mlflow")
            self.kubectl(*status, "--timeout=10m")

    def replicas(self) -> list[dict]:
        label = "app.kubernetes.io/name=mlflow"
        where = ("--namespace", "mlflow", "--selector", label, "--output", "json")
        return json.loads(self.kubectl("get", "pods", *where))["items"]

    def ready(self) -> int:
        statuses = [
            s for pod in self.replicas() for s in pod["status"].get("containerStatuses", ())
        ]
        return sum(status["ready"] for status in statuses)

    def in_replica(self, *arguments: str) -> str:
        where = ("--namespace", "mlflow", "deployment/mlflow", "--container", "mlflow", "--")
        return self.kubectl("exec", *where, "python", *arguments)

    def forward(self) -> subprocess.Popen:
        """The proxy on this machine, until it is terminated."""
        where = ("--namespace", "mlflow", "service/mlflow-proxy", "8080:80")
        command = ("kubectl", "--kubeconfig", self._kubeconfig, "port-forward", *where)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(answers)
        return process


def answers() -> bool:
    try:
        return requests.get(f"{URI}/health", timeout=WITHIN).ok
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("kind")) as cluster:
        cluster.roll_out()
        cluster.is_available()
        yield cluster


@pytest.fixture
def forwarded(cluster: Cluster) -> Iterator[None]:
    process = cluster.forward()
    yield
    process.terminate()
    process.wait()


def smoke(cluster: Cluster) -> None:
    client = {
        "MLFLOW_TRACKING_URI": URI,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": cluster.password,
    }
    command = [sys.executable, str(SERVER / "smoke.py")]
    done = subprocess.run(command, env=os.environ | client, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_works_with_it(cluster: Cluster, forwarded: None) -> None:
    smoke(cluster)


def test_users_are_managed_in_a_replica(cluster: Cluster) -> None:
    assert "admin,yes" in cluster.in_replica("/opt/mlflow/server/users.py", "list", "--csv")


def test_a_replica_connects_to_nothing_else(cluster: Cluster) -> None:
    code = "import socket; socket.create_connection(({!r}, {}), 10)"
    cluster.in_replica("-c", code.format("database.stores.svc", 5432))
    with pytest.raises(AssertionError):
        cluster.in_replica("-c", code.format("kubernetes.default.svc", 443))


def test_nobody_gets_past_the_proxy(cluster: Cluster) -> None:
    """As a neighbour in the cluster."""
    wget = ("exec", "--namespace", "stores", "deployment/store", "--", "wget", "-T", "10", "-qO-")
    assert cluster.kubectl(*wget, "http://mlflow-proxy.mlflow.svc/health") == "OK"
    with pytest.raises(AssertionError):
        cluster.kubectl(*wget, "http://mlflow-1.mlflow.svc:5000/health")


def test_a_stalled_database_restarts_no_replica(cluster: Cluster, forwarded: None) -> None:
    before = {pod["metadata"]["uid"] for pod in cluster.replicas()}
    stall = f"BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({STALLS})"

    def search(_: int) -> None:
        path = f"{URI}/api/2.0/mlflow/experiments/search?max_results=1"
        try:
            requests.get(path, auth=("admin", cluster.password), timeout=STALLS)
        except requests.RequestException:
            pass  # what becomes of the replicas is asked

    with ThreadPoolExecutor(REQUESTS + 1) as pool:
        stalled = pool.submit(cluster.sql, stall)
        pool.map(search, range(REQUESTS))
        wait_until(lambda: cluster.ready() == 0)
        stalled.result()
    wait_until(lambda: cluster.ready() == len(before), within=600)
    pods = cluster.replicas()
    assert {pod["metadata"]["uid"] for pod in pods} == before
    assert [s["restartCount"] for p in pods for s in p["status"]["containerStatuses"]] == [0, 0]


def test_an_upgrade_migrates_first(cluster: Cluster) -> None:
    """As README says: all stop, the Job runs, all start from the new image."""
    file = cluster.overlay.with_name("example") / "kustomization.yaml"
    file.write_text(file.read_text().replace("newTag: 3.6.0", "newTag: 3.6.0-1"))
    scale = ("scale", "deployment/mlflow", "--namespace", "mlflow")
    cluster.kubectl(*scale, "--replicas=0")
    wait_until(lambda: not cluster.replicas(), within=300)
    cluster.roll_out()
    assert cluster.replicas() == []
    cluster.kubectl(*scale, "--replicas=2")
    cluster.is_available()
    images = {pod["spec"]["containers"][0]["image"] for pod in cluster.replicas()}
    assert images == {f"{IMAGE}:3.6.0-1"}
    process = cluster.forward()
    try:
        smoke(cluster)
    finally:
        process.terminate()
        process.wait()


def test_replicas_wait_for_a_schema_that_is_not_theirs(cluster: Cluster) -> None:
    needed = cluster.sql("SELECT version_num FROM alembic_version").split()[2]
    cluster.sql("UPDATE alembic_version SET version_num = 'other'")
    restart = ("rollout", "restart", "deployment/mlflow", "--namespace", "mlflow")
    cluster.kubectl(*restart)

    def waits() -> bool:
        label = "app.kubernetes.io/name=mlflow"
        logs = ("logs", "--namespace", "mlflow", "--selector", label, "--tail=-1")
        return "waiting for the migration" in cluster.kubectl(*logs)

    wait_until(waits, within=300)
    assert cluster.ready() == 2  # the old ones serve
    cluster.sql(f"UPDATE alembic_version SET version_num = '{needed}'")
    cluster.is_available()
