"""nginx does its work in front of a server, with the configuration a reader would deploy."""

import mlflow
import pytest
import requests
from mlflow_lab import Nginx, StartFailed

from tests.waiting import WITHIN, wait_until

PROXY = """\
upstream mlflow { server 127.0.0.1:@UPSTREAM@; }
server {
    listen 127.0.0.1:@PORT@;
    client_max_body_size 10m;
    location / {
        proxy_pass http://mlflow;
        proxy_set_header Host $http_host;
    }
}
"""
HELLO = "server { listen 127.0.0.1:@PORT@; return 200 hello; }"


@pytest.fixture(scope="module")
def proxy(server):
    with Nginx(PROXY.replace("@UPSTREAM@", str(server.port)), quiet=True) as component:
        yield component


def test_it_passes_requests_on_to_a_server(proxy):
    assert requests.get(f"{proxy.uri}/version", timeout=WITHIN).text == mlflow.__version__


def test_it_buffers_an_upload_inside_its_own_folder(proxy, server):
    # Larger than the memory buffer: goes through client_body_temp.
    url = f"{proxy.uri}/api/2.0/mlflow-artifacts/artifacts/big.bin"
    assert requests.put(url, data=b"x" * 3_000_000, timeout=WITHIN).status_code == 200
    assert (server.folder / "artifacts" / "big.bin").stat().st_size == 3_000_000
    # nginx logs a request after it has answered it.
    wait_until(lambda: "PUT /api/2.0/mlflow-art" in (proxy.folder / "access.log").read_text())


def test_the_configuration_may_be_a_file(tmp_path):
    (tmp_path / "hello.conf").write_text(HELLO)
    with Nginx(tmp_path / "hello.conf", quiet=True) as nginx:
        assert requests.get(nginx.uri, timeout=WITHIN).text == "hello"


def test_the_printed_command_works_when_typed(open_folder, capfd, typed, answer):
    with Nginx(HELLO, folder=open_folder) as nginx:
        line = capfd.readouterr().out
    with typed(line, open_folder):
        assert answer(nginx.uri).text == "hello"


def test_two_at_once(proxy):
    with Nginx(HELLO, quiet=True) as other:
        assert other.port != proxy.port
        assert requests.get(other.uri, timeout=WITHIN).text == "hello"


def test_it_serves_tls_with_certificates_from_its_folder(certified_folder):
    tls = HELLO.replace("@PORT@;", "@PORT@ ssl; ssl_certificate cert.pem;")
    tls = tls.replace("return", "ssl_certificate_key key.pem; return")
    with Nginx(tls, folder=certified_folder, quiet=True) as nginx:
        assert nginx.uri.startswith("https://")
        answer = requests.get(nginx.uri, timeout=WITHIN, verify=certified_folder / "cert.pem")
        assert answer.text == "hello"


def test_a_mistake_is_reported_with_the_line_of_the_given_text():
    with pytest.raises(StartFailed) as failure:
        Nginx("server {\n listen @PORT@;\n nonsense on;\n}", quiet=True).start()
    assert "nginx exited with code 1" in failure.value.reason
    assert 'unknown directive "nonsense" in ./site.conf:3' in failure.value.log


def test_a_configuration_that_ignores_the_port_is_refused():
    with pytest.raises(ValueError, match="@PORT@"):
        Nginx("server { listen 80; }")
