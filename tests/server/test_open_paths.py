"""Nothing but /health answers without a password; what basic-auth overlooks, the proxy closes."""

import base64
import http.client
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.waiting import WITHIN, wait_until

OPEN = {"/health"}
REFUSED = (401, 403, 429)  # the last one after many wrong passwords
OVERLOOKED = {  # by basic-auth of 3.6.0, on a replica itself
    ("POST", "/v1/traces"),
    ("GET", "/ajax-api/3.0/jobs/1"),
    ("POST", "/ajax-api/3.0/jobs/"),
    ("POST", "/ajax-api/3.0/jobs/search"),
}


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> list[tuple[str, str]]:
    """Method and path of every route of the installed server."""
    script = Path(__file__).with_name("routes.py")
    command = [sys.executable, script, tmp_path_factory.mktemp("routes")]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [tuple(json.loads(line)) for line in listing.splitlines() if line.startswith("[")]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(uri: str, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    """Of a request whose path is sent as it is; `requests` would resolve dots."""
    host = uri.split("//")[1]
    connection = http.client.HTTPConnection(host, timeout=WITHIN)
    if uri.startswith("https"):
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, timeout=WITHIN, context=context)
    try:
        connection.request(method, path, headers=headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def answered(uri: str, routes: list, headers: dict[str, str] | None = None) -> set:
    """Routes that did something else than refuse."""
    return {
        (method, path)
        for method, path in routes
        if path not in OPEN and status(uri, method, path, headers) not in REFUSED
    }


def test_the_list_of_routes_is_complete(routes):
    paths = {path for _, path in routes}
    assert len(paths) > 200
    assert {"/v1/traces", "/ajax-api/3.0/jobs/1", "/graphql", "/metrics", "/signup"} <= paths
    assert "/api/2.0/mlflow/runs/log-metric" in paths


def test_no_route_answers_without_a_password(team, routes):
    assert answered(team.uri, routes) == set()
    assert requests.get(f"{team.uri}/health", verify=team.certificate, timeout=WITHIN).text == "OK"


def test_no_route_answers_a_user_that_does_not_exist(team, routes):
    assert answered(team.uri, routes, basic("nobody", "nothing")) == set()


def test_a_route_that_answers_would_be_found(team, routes):
    """The same walk past the proxy finds what basic-auth overlooks."""
    found = answered(team.replicas[0].uri, [r for r in routes if r[0] in ("GET", "POST")])
    assert OVERLOOKED <= found
    assert ("GET", "/version") not in found


@pytest.mark.parametrize(
    "path",
    [
        "//v1/traces",
        "/v1%2Ftraces",
        "/v1/traces/",
        "/V1/traces",
        "/v1/./traces",
        "/health/../v1/traces",
        "/health/%2e%2e/v1/traces",
        "/ajax-api/3.0/jobs/..",
        "/ajax-api/3.0/jobs/%2E%2e",
        "/ajax-api/3.0/jobs%2f..",
        "//ajax-api/3.0/jobs/search",
        "/healthy",
        "/static-files/../v1/traces",
        "/static",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_spelling_opens_nothing(team, method, path):
    assert status(team.uri, method, path) in (400, 401, 403)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/planted.bin"),
        ("POST", "/api/2.0/mlflow/runs/log-batch"),
    ],
)
@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("sender", ["nobody", "an unknown name", "a wrong password"])
def test_a_body_is_read_only_once_its_sender_is_known(team, method, path, measured, sender):
    # A name of its own: after some wrong passwords the next ones have to wait.
    name = f"sender-{os.urandom(3).hex()}"
    if sender == "a wrong password":
        team.create_user(name)
    auth = None if sender == "nobody" else (name, "wrong")
    before = [requests_seen(replica, method) for replica in team.replicas]
    megabyte = [b"x" * 100_000] * 10
    answer = requests.request(
        method,
        f"{team.uri}{path}",
        data=b"".join(megabyte) if measured else iter(megabyte),
        headers={"Content-Type": "application/json"},
        auth=auth,
        verify=team.certificate,
        timeout=WITHIN,
    )
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="mlflow"'
    assert [requests_seen(replica, method) for replica in team.replicas] == before


def requests_seen(replica, method: str) -> int:
    """How many requests with this method reached the replica."""
    return replica.log_path.read_text().count(f'"{method} /')


def test_plain_http_leads_to_https(team):
    port = team.proxy.configuration.split("listen 127.0.0.1:")[1].split(";")[0]
    answer = requests.get(
        f"http://127.0.0.1:{port}/api/x?y=1", allow_redirects=False, timeout=WITHIN
    )
    assert (answer.status_code, answer.headers["Location"]) == (308, "https://127.0.0.1/api/x?y=1")


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_pages_of_another_origin_are_refused(team, kim, prefix):
    def search(origin: str) -> requests.Response:
        return requests.get(
            f"{team.uri}{prefix}/2.0/mlflow/experiments/search?max_results=1",
            headers={"Origin": origin},
            auth=(kim["MLFLOW_TRACKING_USERNAME"], kim["MLFLOW_TRACKING_PASSWORD"]),
            verify=team.certificate,
            timeout=WITHIN,
        )

    own = search(team.uri)
    assert own.status_code == 200
    assert "Access-Control-Allow-Origin" not in own.headers
    for origin in ("https://evil.example", "null", f"{team.uri}.evil.example", "http://127.0.0.1"):
        assert search(origin).status_code == 403, origin


def test_a_host_that_is_not_allowed_is_refused(team):
    headers = {"Host": "evil.example", **basic("admin", team.password)}
    assert status(team.uri, "GET", "/", headers) == 403


def test_answers_carry_security_headers(team):
    answer = requests.get(team.uri, auth=("admin", team.password), verify=team.certificate)
    expected = {
        "Strict-Transport-Security": "max-age=31536000",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Server": "nginx",
    }
    assert {name: answer.headers.get(name) for name in expected} == expected


@pytest.fixture
def as_kim(monkeypatch, kim):
    """This process is kim's client."""
    before = mlflow.get_tracking_uri()
    for name, value in kim.items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(kim["MLFLOW_TRACKING_URI"])
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_a_trace_of_mlflows_own_client_arrives_with_its_spans(team, as_kim):
    experiment = mlflow.set_experiment("traced")

    @mlflow.trace
    def outer():
        return mlflow.trace(lambda: 1, name="inner")()

    outer()
    [trace] = as_kim.search_traces(locations=[experiment.experiment_id])
    assert {span.name for span in trace.data.spans} == {"outer", "inner"}
    log = team.proxy.folder / "access.log"
    # nginx logs a request after it has answered it.
    wait_until(lambda: '"POST /v1/traces HTTP/1.1" 200' in log.read_text())


def spans_sent_by(team, user: str, password: str, experiment_id: str) -> int:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="hello")
    span.trace_id, span.span_id = bytes(range(16)), bytes(range(8))
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    return requests.post(
        f"{team.uri}/v1/traces",
        data=request.SerializeToString(),
        headers={
            "Content-Type": "application/x-protobuf",
            "X-Mlflow-Experiment-Id": experiment_id,
        },
        auth=(user, password),
        verify=team.certificate,
        timeout=WITHIN,
    ).status_code


def test_spans_go_only_where_the_user_may_write(team, kim, as_kim):
    experiment_id = as_kim.create_experiment("spans of kim")
    lee = team.create_user("lee")["MLFLOW_TRACKING_PASSWORD"]
    assert spans_sent_by(team, "kim", kim["MLFLOW_TRACKING_PASSWORD"], experiment_id) == 200
    assert spans_sent_by(team, "admin", team.password, experiment_id) == 200
    assert spans_sent_by(team, "lee", lee, experiment_id) == 403
    assert spans_sent_by(team, "lee", "wrong", experiment_id) == 401
    for not_an_id in ("", '1"}', "1 2", "../1", f"0{experiment_id}", f"+{experiment_id}"):
        assert spans_sent_by(team, "lee", lee, not_an_id) == 422
        assert spans_sent_by(team, "lee", "wrong", not_an_id) == 401


def test_two_experiments_in_one_request_are_not_more_than_one(team, kim, as_kim):
    """What was asked about is what MLflow gets, whichever of two headers each would take."""
    mine, other = as_kim.create_experiment("two of kim"), "999999"
    connection = http.client.HTTPSConnection(
        team.uri.split("//")[1], timeout=WITHIN, context=ssl._create_unverified_context()
    )
    statuses = []
    for pair in ((mine, other), (other, mine)):
        connection.putrequest("POST", "/v1/traces")
        for name, value in basic("kim", kim["MLFLOW_TRACKING_PASSWORD"]).items():
            connection.putheader(name, value)
        for experiment_id in pair:
            connection.putheader("X-Mlflow-Experiment-Id", experiment_id)
        connection.putheader("Content-Type", "application/x-protobuf")
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    # An empty body: 400 from MLflow once the experiment is decided, 403 from the proxy otherwise.
    assert set(statuses) <= {400, 403, 422} and statuses[1] != 400
