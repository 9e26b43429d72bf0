"""compose.yaml is brought up for real: used by a client, disturbed, taken down and up again."""

import hashlib
import json
import subprocess
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sklearn.linear_model import LinearRegression

from tests.server.deployment import Deployment
from tests.server.private_podman import BASE, leftovers_in, runroot_of
from tests.waiting import WITHIN, wait_until

pytestmark = pytest.mark.xdist_group("containers")

NO_CAPABILITIES = "0000000000000000"
PROXY_CAPABILITIES = "00000000000004c3"  # CHOWN, DAC_OVERRIDE, SETGID, SETUID, NET_BIND_SERVICE
REPLICAS = ("mlflow-1", "mlflow-2")
IMAGE = "mlflow-server:3.6.0"
# What start.sh started, and itself.
HANG = """
import os, signal
from pathlib import Path
start = b"/bin/sh\\0/opt/mlflow/server/start.sh"
[path] = [p for p in Path("/proc").glob("[0-9]*/cmdline") if p.read_bytes().startswith(start)]
os.killpg(os.getpgid(int(path.parent.name)), signal.SIGSTOP)
"""
FACTS = Path(__file__).with_name("container_facts.py")


@pytest.fixture(scope="module")
def stack(engine, tmp_path_factory):
    with Deployment(engine, tmp_path_factory.mktemp("deployment")) as deployment:
        yield deployment


@pytest.fixture
def client(stack, monkeypatch):
    """This process is a client of the administrator."""
    before = mlflow.get_tracking_uri()
    for name, value in stack.client.items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(stack.uri)
    yield MlflowClient()
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def logged(stack):
    """A run with a metric, a file and a model."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.client.items():
            patch.setenv(name, value)
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(stack.uri)
        with mlflow.start_run(experiment_id=mlflow.create_experiment("compose")) as run:
            mlflow.log_metric("accuracy", 0.75)
            mlflow.log_text("한글", "notes.txt")
            model = mlflow.sklearn.log_model(
                LinearRegression().fit([[0], [1]], [1, 3]),
                name="line",
                input_example=[[2]],
                pip_requirements=["scikit-learn"],
            )
        mlflow.set_tracking_uri(before)
    return run.info.run_id, model.model_uri


def hashes(folder: str) -> dict[str, str]:
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_run_and_a_model_come_back_through_the_proxy(client, logged):
    run_id, model_uri = logged
    run = client.get_run(run_id)
    assert run.data.metrics == {"accuracy": 0.75}
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt") == "한글"
    assert mlflow.sklearn.load_model(model_uri).predict([[2]]).tolist() == pytest.approx([5.0])


def test_without_credentials_there_is_an_answer_from_health_alone(stack):
    def status(path: str, **options) -> int:
        certificate = stack.client["MLFLOW_TRACKING_SERVER_CERT_PATH"]
        return requests.get(
            stack.uri + path, verify=certificate, timeout=WITHIN, **options
        ).status_code

    assert status("/health") == 200
    assert status("/api/2.0/mlflow/experiments/search?max_results=1") == 401
    assert status("/api/2.0/mlflow/experiments/search?max_results=1", auth=("admin", "")) == 401


def test_nothing_but_the_proxy_is_published(stack):
    bindings = {
        service: stack.inspect(service)["HostConfig"]["PortBindings"] or {}
        for service in stack.services
    }
    published = {n: sorted(p for p, at in b.items() if at) for n, b in bindings.items()}
    assert published.pop("proxy") == ["443/tcp", "80/tcp"]
    assert [ports for ports in published.values() if ports] == []


def test_a_container_may_do_no_more_than_it_needs(stack):
    for service in stack.services:
        status = stack.execute(service, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        proxy = service == "proxy"
        assert (facts["Uid"].split()[0] == "0") == proxy, service
        assert facts["CapBnd"] == (PROXY_CAPABILITIES if proxy else NO_CAPABILITIES), service
        assert facts["NoNewPrivs"] == "1", service
        mounts = stack.execute(service, "cat", "/proc/mounts").splitlines()
        [options] = [line.split()[3] for line in mounts if line.split()[1] == "/"]
        assert "ro" in options.split(","), service


def test_the_proxy_reaches_neither_the_database_nor_the_store(stack):
    for host in ("database", "store"):
        with pytest.raises(AssertionError, match="exited with code 2"):
            stack.execute("proxy", "getent", "hosts", host)
    assert stack.execute("mlflow-1", "getent", "hosts", "database")


def test_a_replica_reaches_nothing_outside_of_this_machine(stack):
    """Whoever makes it call an address of their choice gets no further than its neighbours."""
    leads_outside = {
        service: any(line.split()[1] == "00000000" for line in lines[1:])
        for service in stack.services
        if (lines := stack.execute(service, "cat", "/proc/net/route").splitlines())
    }
    assert leads_outside == {name: name == "proxy" for name in stack.services}
    with pytest.raises(AssertionError, match="exited with code 2"):
        stack.execute("database", "getent", "hosts", "store")


def test_mlflow_is_no_superuser_of_the_database(stack):
    uri = stack.execute("mlflow-1", "printenv", "MLFLOW_BACKEND_STORE_URI").strip()
    script = (
        "import psycopg2, sys; cursor = psycopg2.connect(sys.argv[1]).cursor();"
        "cursor.execute('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');"
        "print(cursor.fetchone())"
    )
    assert stack.execute("mlflow-1", "python", "-c", script, uri).strip() == "(False,)"
    superuser = uri.replace("//mlflow:", "//postgres:").replace("/mlflow", "/postgres")
    assert superuser.endswith("@database:5432/postgres")
    with pytest.raises(AssertionError, match="password authentication failed"):
        stack.execute("mlflow-1", "python", "-c", script, superuser)


def test_the_database_may_stop_and_come_back(stack, client, logged, monkeypatch):
    before = [stack.started(replica) for replica in REPLICAS]
    stack.compose("stop", "database")
    try:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(MlflowException):
            client.get_run(logged[0])
        for replica in REPLICAS:
            with pytest.raises(AssertionError, match="no answer|answer: 5"):
                stack.execute(replica, "python", "/opt/mlflow/server/ready.py")
    finally:
        stack.compose("start", "database")
    stack.wait(*stack.services)
    assert client.get_run(logged[0]).data.metrics == {"accuracy": 0.75}
    assert [stack.started(replica) for replica in REPLICAS] == before


def test_a_replica_that_hangs_is_ended_and_started_again(stack, client, logged):
    before = stack.started("mlflow-1")
    container = stack.container("mlflow-1")

    def log() -> str:
        return stack.engine.log(container, since=before)

    try:
        wait_until(lambda: "it is watched" in log(), pause=1)
        stack.execute("mlflow-1", "python", "-c", HANG)
        wait_until(lambda: "it is killed" in log(), pause=1)
        wait_until(lambda: stack.started("mlflow-1") != before, pause=1)
    except AssertionError as error:
        error.add_note(f"{stack.inspect('mlflow-1')['State']}\n{log()}")
        raise
    stack.wait("mlflow-1")
    assert client.get_run(logged[0]).data.metrics == {"accuracy": 0.75}


def test_a_changed_nginx_conf_is_loaded_by_a_new_proxy(stack):
    conf = stack.folder / "nginx.conf"
    before = "    location = /health {\n"
    text = conf.read_text()
    assert text.count(before) == 1
    changed = conf.with_name("nginx.conf.new")  # a file of its own, as git writes it
    added = "    location = /added { auth_request off; return 204; }\n"
    changed.write_text(text.replace(before, added + before))
    changed.replace(conf)
    stack.compose("up", "--detach", "--no-deps", "--force-recreate", "proxy")
    stack.wait("proxy")
    certificate = stack.client["MLFLOW_TRACKING_SERVER_CERT_PATH"]
    assert requests.get(f"{stack.uri}/added", verify=certificate, timeout=WITHIN).status_code == 204


def test_taken_down_and_up_again_nothing_is_lost(stack, client, logged, tmp_path):
    run_id, model_uri = logged
    before = hashes(mlflow.artifacts.download_artifacts(model_uri, dst_path=str(tmp_path / "1")))
    assert "model.pkl" in before
    stack.compose("down")
    assert not any(stack.container(service) for service in stack.services)
    stack.up()
    after = hashes(mlflow.artifacts.download_artifacts(model_uri, dst_path=str(tmp_path / "2")))
    assert after == before
    assert client.get_run(run_id).data.metrics == {"accuracy": 0.75}
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt") == "한글"


def test_users_are_managed_in_a_replica(stack):
    listed = stack.execute("mlflow-1", "python", "/opt/mlflow/server/users.py", "list", "--csv")
    assert "admin,yes" in listed


def test_with_a_backup_everything_is_back_after_the_volumes_are_gone(
    stack, client, logged, tmp_path
):
    run_id, model_uri = logged
    backups = tmp_path / "backups"
    before = hashes(mlflow.artifacts.download_artifacts(model_uri, dst_path=str(tmp_path / "1")))
    stack.script("backup.sh", backups=backups)
    stack.compose("down", "--volumes")
    stack.compose("up", "--detach", "database", "store")
    stack.wait("database", "store")
    assert "all as in the backup" in stack.script("restore.sh", backups=backups)
    assert "holds the same" in stack.script("verify.sh", "--stack", backups=backups)
    stack.up()
    after = hashes(mlflow.artifacts.download_artifacts(model_uri, dst_path=str(tmp_path / "2")))
    assert after == before
    assert client.get_run(run_id).data.metrics == {"accuracy": 0.75}
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes.txt") == "한글"


def test_its_size_and_memory_are_printed_beside_the_authors(stack, capsys):
    """The author of the first notes measured about 800 MB and 100 MB."""
    facts = json.loads(stack.execute("mlflow-1", "python", "-c", FACTS.read_text()))
    image, base = (stack.engine.inspect("image", n)["Size"] / 1e6 for n in (IMAGE, BASE))
    largest = sorted(facts["packages"].items(), key=lambda item: -item[1])[:6]
    rss, pss = (sum(p[name] for p in facts["processes"]) for name in ("rss", "pss"))
    with capsys.disabled():
        print(
            f"\nimage: {image:.0f} MB, {base:.0f} MB of it the base (the author: 800 MB)"
            f"\n  largest packages: {', '.join(f'{n} {size:.0f}' for n, size in largest)}"
            f"\nreplica with 1 worker: RSS {rss:.0f} MB, PSS {pss:.0f} MB (the author: 100 MB)"
        )
        for process in sorted(facts["processes"], key=lambda process: -process["rss"]):
            print(f"  {process['rss']:4.0f} MB  {process['command'][:70]}")
        print(f"built in {stack.build_seconds:.0f} s, healthy {stack.up_seconds:.0f} s after up")
    assert image - base < 750
    assert pss < 600


def test_a_process_that_podman_left_would_be_found(tmp_path):
    with subprocess.Popen(["tail", "-f", "/dev/null", tmp_path / "left"], stderr=-3) as process:
        assert leftovers_in(tmp_path) == [f"process {process.pid} (tail)"]
        process.kill()
    assert leftovers_in(tmp_path) == []


def test_what_podman_wants_short_is_short_wherever_this_repository_lies(tmp_path):
    storage = tmp_path / ("long" * 20)
    storage.mkdir()
    runroot = runroot_of(storage)
    try:
        assert len(str(runroot)) <= 50
        assert runroot_of(storage) == runroot
    finally:
        runroot.rmdir()
