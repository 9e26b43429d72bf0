"""The proxy lets a request pass after a positive answer alone, whatever else a replica says."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from mlflow_lab import Nginx
from mlflow_lab.certificate import self_signed
from mlflow_lab.team_server import CERTIFICATE, KEY, proxy_configuration

from tests.waiting import WITHIN

QUESTIONS = {"/version", "/may-change-experiment"}
ACME = ("root /var/lib/mlflow-acme;", "root acme;")  # in the folder of nginx
SPANS = {"X-Mlflow-Experiment-Id": "7", "Content-Type": "application/x-protobuf"}


class Stub(ThreadingHTTPServer):
    """Stands for a replica: answers questions of the proxy with `answer`, all else with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        self.answer = 200
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def questions(self) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [request for request in self.seen if request[1] in QUESTIONS]


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, body))
        self.send_response(self.server.answer if self.path in QUESTIONS else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def proxied() -> Iterator[tuple[Stub, Nginx]]:
    key, certificate = self_signed()
    with Stub() as stub:
        thread = Thread(target=stub.serve_forever)
        thread.start()
        configuration = proxy_configuration([stub]).replace(*ACME)
        files = {KEY: key, CERTIFICATE: certificate}
        with Nginx(configuration, files=files, quiet=True) as proxy:
            yield stub, proxy
        stub.shutdown()
        thread.join()


def send(proxied, answer: int, method: str, path: str, **parts) -> requests.Response:
    stub, proxy = proxied
    stub.answer = answer
    stub.seen.clear()
    certificate = str(proxy.folder / CERTIFICATE)
    return requests.request(
        method, f"{proxy.uri}{path}", verify=certificate, timeout=WITHIN, **parts
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/traces", b"spans"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/7/big.bin", b"x" * 1_000_000),
        ("POST", "/api/2.0/mlflow/runs/log-batch", b"x" * 1_000_000),
        ("GET", "/static-files/main.js", None),
    ],
    ids=["spans", "file", "batch", "page"],  # of the bodies, an environment has no room for them
)
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (200, 200),
        (204, 200),
        (401, 401),
        (403, 403),
        (429, 403),
        *((error, 500) for error in (302, 400, 404, 409, 500, 502, 503)),
    ],
)
def test_a_positive_answer_alone_lets_it_pass(proxied, method, path, body, answer, status):
    got = send(proxied, answer, method, path, data=body, headers=SPANS, auth=("kim", "secret"))
    assert got.status_code == status
    passed = [request[3] for request in proxied[0].seen if request[1] == path]
    assert passed == ([body or b""] if status == 200 else [])


@pytest.mark.parametrize("path", ["/v1/traces", "/api/2.0/mlflow/runs/log-batch"])
def test_a_question_carries_nothing_of_the_request_but_its_credentials(proxied, path):
    own = {
        "Content-Encoding": "gzip",
        "Cookie": "session=1",
        "Expect": "nothing",
        "X-Forwarded-For": "203.0.113.1",
        "X-Own": "1",
    }
    body = b"x" * 1_000_000
    send(proxied, 200, "POST", path, data=body, headers=SPANS | own, auth=("kim", "secret"))
    [(method, _, headers, asked)] = proxied[0].questions()
    assert (method, asked) == ("GET", b"")
    allowed = {"authorization", "connection", "host", "x-forwarded-for"}
    if path != "/v1/traces":  # programs send spans, and have no cookie
        allowed.add("cookie")
    assert headers.keys() - {"x-mlflow-experiment-id"} == allowed
    assert headers["authorization"].startswith("Basic ")
    assert headers.get("cookie", "session=1") == "session=1"  # who logged in by sso.py has no more
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers.get("x-mlflow-experiment-id") == ("7" if path == "/v1/traces" else None)


@pytest.mark.parametrize("small", [b"", b"x" * 90_000], ids=["none", "90 kB"])
def test_a_small_request_costs_no_question(proxied, small):
    assert send(proxied, 500, "POST", "/api/2.0/mlflow/runs/log-batch", data=small).ok
    assert proxied[0].questions() == []


def test_a_challenge_of_acme_is_answered_without_tls_and_nothing_else(proxied):
    stub, proxy = proxied
    (redirecting,) = re.findall(r"listen (127\.0\.0\.1:\d+);", proxy.configuration)
    challenge = proxy.folder / "acme/.well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("answer")

    def get(path: str) -> requests.Response:
        uri = f"http://{redirecting}{path}"
        return requests.get(uri, allow_redirects=False, timeout=WITHIN)

    stub.seen.clear()
    assert get("/.well-known/acme-challenge/token").text == "answer"
    assert get("/.well-known/acme-challenge/other").status_code == 404
    assert get("/.well-known/other").status_code == 308
    assert stub.seen == []
