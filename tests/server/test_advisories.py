"""What book/find/versions says of each published advisory is what a server of 3.6.0 does.

The vulnerabilities are open on a bare server; behind env/server they are as the page says.
"""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow_lab import SeaweedFS, TrackingServer

from tests.conftest import ROOT
from tests.server.advisory_probes import IN_THE_CLIENT, ON_A_SERVER, Target

# Those that use the stack are in its own group, see conftest.py: a second one would be a second
# stack.
on_one_server = pytest.mark.xdist_group("advisories")

FILE_STORE = "CVE-2026-53995"
ADMIN = ("admin", "password1234")  # as the package has it
CONFIGURATION = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///basic_auth.db
admin_username = {}
admin_password = {}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""

ADVISORIES = yaml.safe_load((ROOT / "book" / "find" / "advisories.yml").read_text())
RECORDS = {record["id"]: record for record in ADVISORIES["affected"]}


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Iterator:
    """Starts a server with basic-auth and nothing before it; the options may differ."""
    folder = tmp_path_factory.mktemp("bare")
    configuration = folder / "basic_auth.ini"
    configuration.write_text(CONFIGURATION.format(*ADMIN))
    started: dict[tuple[str, ...], TrackingServer] = {}
    with SeaweedFS(quiet=True) as store:
        environment = {
            "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
            **store.environment,
        }
        options = ("--app-name", "basic-auth", "--artifacts-destination", "s3://mlflow")

        def start(*more: str) -> Target:
            if more not in started:
                for server in started.values():  # they share the file of users
                    server.stop()
                started[more] = TrackingServer(*options, *more, environment=environment, quiet=True)
            return Target(started[more].start().uri, ADMIN)

        try:
            yield start
        finally:
            for server in started.values():
                server.stop()


@pytest.fixture(scope="module")
def behind(team) -> Target:
    """The same people on the stack of env/server."""
    return Target(team.uri, ("admin", team.password), str(team.certificate))


@on_one_server
@pytest.mark.parametrize("advisory", [name for name in ON_A_SERVER if name != FILE_STORE])
def test_a_bare_server_is_vulnerable(bare, tmp_path, advisory):
    assert ON_A_SERVER[advisory](bare(), tmp_path)


@on_one_server
def test_a_bare_server_with_a_file_store_is_vulnerable(bare, tmp_path):
    target = bare("--backend-store-uri", "./mlruns")
    assert ON_A_SERVER[FILE_STORE](target, tmp_path)


@pytest.mark.parametrize("advisory", ON_A_SERVER)
def test_behind_env_server_the_vulnerability_is_as_the_page_says(behind, tmp_path, advisory):
    found = "open" if ON_A_SERVER[advisory](behind, tmp_path) else "closed"
    assert found == RECORDS[advisory]["behind"]


@pytest.mark.parametrize("advisory", IN_THE_CLIENT)
def test_the_client_is_vulnerable(tmp_path, advisory):
    assert IN_THE_CLIENT[advisory](tmp_path)


def test_prompts_and_models_are_still_registered(team, kim, monkeypatch):
    """Only sources that nobody needs are refused (CVE-2026-2614)."""
    for name, value in kim.items():
        monkeypatch.setenv(name, value)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(team.uri)
    try:
        assert mlflow.genai.register_prompt("advisory", "Hi {{name}}").version == 1
        client = mlflow.MlflowClient()
        client.create_registered_model("advisory-model")
        for source in ("s3://mlflow/model", "mlflow-artifacts:/1/model"):
            assert client.create_model_version("advisory-model", source).status == "READY"
    finally:
        mlflow.set_tracking_uri(before)


@pytest.mark.parametrize("record", ADVISORIES["not_in_it"], ids=lambda record: record["id"])
def test_what_an_advisory_is_about_is_not_in_this_version(record):
    package = Path(mlflow.__file__).parent
    holding = [p for p in package.rglob("*.py") if record["absent"] in p.read_text()]
    assert holding == []


def disagreements(records: dict[str, dict]) -> list[str]:
    """Where the page's records and the demonstrations do not fit together."""
    shown = {name for name, record in records.items() if record.get("shown")}
    judged = {name for name, record in records.items() if record["behind"] in ("open", "closed")}
    client = {name for name, record in records.items() if record["behind"] == "client"}
    return [
        *(f"{name}: says it is shown" for name in shown - {*ON_A_SERVER, *IN_THE_CLIENT}),
        *(f"{name}: shown, but does not say so" for name in {*ON_A_SERVER, *IN_THE_CLIENT} - shown),
        *(f"{name}: open or closed, but nothing shows it" for name in judged - {*ON_A_SERVER}),
        *(f"{name}: on a server, not in the client" for name in client & {*ON_A_SERVER}),
    ]


def test_every_record_says_what_is_shown():
    assert disagreements(RECORDS) == []


@pytest.mark.parametrize(
    ("advisory", "change", "problem"),
    [
        ("CVE-2026-64849", {"shown": True}, "says it is shown"),
        ("CVE-2026-0545", {"shown": False}, "shown, but does not say so"),
        ("CVE-2026-64849", {"behind": "open"}, "open or closed, but nothing shows it"),
        ("CVE-2026-0545", {"behind": "client"}, "on a server, not in the client"),
    ],
)
def test_a_record_without_proof_is_found(advisory, change, problem):
    wrong = RECORDS | {advisory: RECORDS[advisory] | change}
    assert disagreements(wrong) == [f"{advisory}: {problem}"]
