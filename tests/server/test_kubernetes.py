"""env/server/kubernetes: what a cluster would be given, and the parts of it that run here."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import psycopg2
import pytest
import requests
import yaml
from mlflow_lab import Nginx
from mlflow_lab.nginx import PORT

from tests.conftest import ROOT
from tests.server.program import program
from tests.waiting import WITHIN

SERVER = ROOT / "env" / "server"
FOLDER = SERVER / "kubernetes"
VERSIONS = ("1.25", "1.37")  # of Kubernetes: the oldest that README names, and the newest
POOL_WAITS = 30  # seconds, of a request for a connection to a database that stalls
BASE = {
    (manifest["kind"], manifest["metadata"]["name"]): manifest
    for path in (FOLDER / "base").glob("*.yaml")
    for manifest in yaml.safe_load_all(path.read_text())
    if path.name != "kustomization.yaml"
}
REPLICA = BASE["Deployment", "mlflow"]["spec"]["template"]["spec"]["containers"][0]


def rendered_in(folder: Path, **changes: str) -> list[dict]:
    """Manifests of the example as `kubectl apply --kustomize` would send them.

    Args:
        folder: gets a copy of the files.
        changes: texts of kustomization.yaml to exchange for others, alternately.
    """
    kubectl = shutil.which("kubectl") or pytest.skip("kubectl is not installed")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    example = folder / "example"
    shutil.copy(example / "secret.env.example", example / "secret.env")
    (example / "database-ca.crt").write_text("an authority")
    file = example / "kustomization.yaml"
    for old, new in changes.items():
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    result = subprocess.run([kubectl, "kustomize", example], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> list[dict]:
    return rendered_in(tmp_path_factory.mktemp("kubernetes"))


def pods(manifests: list[dict]) -> Iterator[dict]:
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "Job"):
            yield manifest["spec"]["template"]["spec"]


def containers(manifests: list[dict]) -> Iterator[dict]:
    for pod in pods(manifests):
        yield from (*pod.get("initContainers", ()), *pod["containers"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_would_take_what_the_example_makes(rendered, version):
    of_others = [m for m in rendered if m["apiVersion"].startswith("gateway.")]
    assert [m["kind"] for m in of_others] == ["HTTPRoute"]
    for manifest in (m for m in rendered if m not in of_others):
        kubernetes_validate.validate(manifest, version, strict=True)
    assert {m["metadata"].get("namespace") for m in rendered if m["kind"] != "Namespace"} == {
        "mlflow"
    }


def test_the_cluster_of_the_workflow_would_take_its_own_part_too(tmp_path):
    """tests/server/with_kind.py applies it on top of the example."""
    rendered_in(tmp_path)
    shutil.copytree(Path(__file__).with_name("kind"), tmp_path / "kind")
    command = ("kubectl", "kustomize", tmp_path / "kind")
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    stores = (tmp_path / "kind" / "stores.yaml").read_text()
    manifests = list(yaml.safe_load_all(f"{result.stdout}\n---\n{stores}"))
    [route] = [m for m in manifests if m["kind"] == "HTTPRoute"]
    assert route["spec"]["hostnames"] == ["mlflow.example.com"]
    for manifest in (m for m in manifests if m is not route):
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)


def test_what_pods_read_is_there(rendered):
    made = {(m["kind"], m["metadata"]["name"]) for m in rendered}
    sources = [
        ("ConfigMap" if kind == "configMapRef" else "Secret", reference["name"])
        for container in containers(rendered)
        for source in container.get("envFrom", ())
        for kind, reference in source.items()
    ]
    sources += [
        ("ConfigMap", volume["configMap"]["name"])
        for pod in pods(rendered)
        for volume in pod["volumes"]
        if "configMap" in volume
    ]
    assert len(sources) == 6 and set(sources) <= made
    [route] = [m for m in rendered if m["kind"] == "HTTPRoute"]
    [backend] = route["spec"]["rules"][0]["backendRefs"]
    [service] = [m for m in rendered if m["metadata"]["name"] == backend["name"]][:1]
    assert (service["kind"], service["spec"]["ports"][0]["port"]) == ("Service", backend["port"])


def test_host_and_image_are_said_once(tmp_path):
    changed = rendered_in(
        tmp_path,
        **{
            "=mlflow.example.com": "=models.example.org",
            "registry.example.com/": "registry.example.org/",
            "newTag: 3.6.0": "newTag: 3.6.0-1",
        },
    )
    text = yaml.safe_dump(changed)
    assert "mlflow.example.com" not in text and "registry.example.com" not in text
    [route] = [m for m in changed if m["kind"] == "HTTPRoute"]
    assert route["spec"]["hostnames"] == ["models.example.org"]
    own = [c["image"] for c in containers(changed) if "mlflow-server" in c["image"]]
    assert own == 3 * ["registry.example.org/mlflow-server:3.6.0-1"]


def test_a_changed_setting_rolls_the_replicas(rendered, tmp_path):
    changed = rendered_in(tmp_path, **{"https://s3.example.com": "https://s3.example.org"})

    def pod(manifests: list[dict]) -> dict:
        [found] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == place]
        return found["spec"]["template"]

    place = ("Deployment", "mlflow")
    assert pod(changed) != pod(rendered)


def test_the_examples_tag_is_that_of_the_base():
    text = (FOLDER / "example" / "kustomization.yaml").read_text()
    assert {REPLICA["image"]} == {f"mlflow-server:{re.findall('newTag: (.*)', text)[0]}"}


def seconds(probe: dict) -> int:
    return probe["periodSeconds"] * probe["failureThreshold"]


def test_a_database_that_stalls_restarts_no_replica():
    assert seconds(REPLICA["livenessProbe"]) > 3 * POOL_WAITS
    assert REPLICA["livenessProbe"]["httpGet"]["path"] == "/health"
    assert "ready.py" in str(REPLICA["readinessProbe"]["exec"])
    within = program("prepare.py").DATABASE_WITHIN
    assert seconds(REPLICA["startupProbe"]) > within


def test_only_the_job_changes_the_tables():
    variables = {v["name"]: v.get("value") for v in REPLICA["env"]}
    assert variables["MLFLOW_MIGRATION"] == "elsewhere"
    [job] = BASE["Job", "mlflow-migration"]["spec"]["template"]["spec"]["containers"]
    assert "MLFLOW_MIGRATION" not in {v["name"] for v in job["env"]}
    assert job["command"] == ["python", "/opt/mlflow/server/prepare.py"]
    assert not {"livenessProbe", "startupProbe"} & job.keys()


def test_replicas_connect_to_what_the_overlay_names_alone():
    policy = BASE["NetworkPolicy", "mlflow"]["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert {p["port"] for rule in policy["egress"] for p in rule["ports"]} == {53}
    stores = yaml.safe_load((FOLDER / "example" / "stores.yaml").read_text())["spec"]
    assert stores["podSelector"] == policy["podSelector"]
    named = {
        labels["app.kubernetes.io/name"]
        for (kind, _), manifest in BASE.items()
        if kind in ("Deployment", "Job")
        for labels in [manifest["spec"]["template"]["metadata"]["labels"]]
    }
    [selected] = policy["podSelector"]["matchExpressions"]
    assert named == {*selected["values"], "mlflow-proxy"}
    assert all("ipBlock" in place for rule in stores["egress"] for place in rule["to"])


class TestWaiting:
    """prepare.py where another process changes the tables."""

    prepare = program("prepare.py")

    @pytest.fixture
    def connection(self, team):
        """To a schema of its own, without tables."""
        connection = psycopg2.connect(team.database.uri)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA waiting; SET search_path = waiting")
            yield connection
            cursor.execute("DROP SCHEMA waiting CASCADE")
        connection.close()

    def test_a_started_server_has_what_is_needed(self, team):
        connection = psycopg2.connect(team.database.uri)
        needed = self.prepare.revisions_needed(team.database.uri)
        assert self.prepare.revisions_found(connection, needed) == needed
        connection.close()

    def test_it_waits_for_both(self, team, connection, monkeypatch, capsys):
        needed = self.prepare.revisions_needed(team.database.uri)
        steps = [
            f"CREATE TABLE {table} (version_num text)"
            + (f"; INSERT INTO {table} VALUES ('{revision}')" if revision else "")
            for table, revision in (("alembic_version", "old"), ("alembic_version_auth", ""))
        ]
        steps += [
            f"UPDATE alembic_version SET version_num = '{needed['alembic_version']}'",
            f"INSERT INTO alembic_version_auth VALUES ('{needed['alembic_version_auth']}')",
        ]
        waited = iter(steps)
        monkeypatch.setattr(
            self.prepare.time, "sleep", lambda _: connection.cursor().execute(next(waited))
        )
        self.prepare.wait_for_migration(connection, needed)
        assert next(waited, None) is None
        assert capsys.readouterr().err.count("waiting for the migration: ") == len(steps)


@pytest.fixture(scope="module")
def proxy(team) -> Iterator[Nginx]:
    text = TestProxy.plain.plain_http(TestProxy.conf, ipv6=False)
    ports = iter([replica.port for replica in team.replicas])
    text = re.sub(r"server mlflow-\d:5000", lambda _: f"server 127.0.0.1:{next(ports)}", text)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{PORT};")
    text = text.replace("/var/log/nginx/access.log", "access.log")
    with Nginx(text, quiet=True) as nginx:
        yield nginx


class TestProxy:
    """nginx as kubernetes/base/proxy.yaml starts it."""

    plain = program("plain_http.py")
    conf = (SERVER / "nginx.conf").read_text()

    @pytest.mark.parametrize(
        ("method", "path", "headers", "status"),
        [
            ("GET", "/health", {}, 200),
            ("GET", "/version", {}, 401),
            ("POST", "/v1/traces", {}, 401),
            ("GET", "/metrics", {}, 403),
            ("POST", "/ajax-api/3.0/jobs/search", {}, 403),
            ("GET", "/health", {"Origin": "https://mlflow.example.com"}, 200),
            ("GET", "/health", {"Origin": "http://mlflow.example.com"}, 403),
            ("GET", "/health", {"Origin": "https://evil.example"}, 403),
        ],
    )
    def test_it_closes_what_it_closes_with_tls(self, proxy, method, path, headers, status):
        assert proxy.uri.startswith("http://")
        headers = {"Host": "mlflow.example.com", **headers} if headers else headers
        answer = requests.request(
            method, proxy.uri + path, headers=headers, timeout=WITHIN, allow_redirects=False
        )
        assert answer.status_code == status

    def test_nothing_of_tls_is_left(self):
        text = self.plain.plain_http(self.conf, ipv6=True)
        assert not re.search("ssl|443|tls/", text)
        assert re.findall("listen (.*);", text) == ["8080", "[::]:8080"]
        assert re.findall("X-Forwarded-Proto (.*);", text) == ["https"]
        container = BASE["Deployment", "mlflow-proxy"]["spec"]["template"]["spec"]["containers"][0]
        assert container["ports"] == [{"name": "http", "containerPort": 8080}]

    @pytest.mark.parametrize("line", ["listen 443 ssl;", "listen 80;", "$scheme;"])
    def test_a_line_that_is_not_as_expected_is_said(self, line):
        with pytest.raises(ValueError, match="nginx.conf has"):
            self.plain.plain_http(self.conf.replace(line, "changed"), ipv6=False)
