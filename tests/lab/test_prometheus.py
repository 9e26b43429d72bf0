"""Prometheus scrapes a real target, and says what is wrong with a configuration."""

import os
import signal

import pytest
import requests
from mlflow_lab import Nginx, Prometheus, StartFailed

from tests.lab.footprint import Footprint
from tests.waiting import WITHIN, wait_until

ITSELF = """\
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 200ms}
scrape_configs:
  - job_name: web
    static_configs: [{targets: ["127.0.0.1:@TARGET@"]}]
"""
NOTHING = ITSELF.replace("@TARGET@", "1")
RULES = """\
groups:
  - name: web
    rules:
      - {alert: Down, expr: up == 0}
"""
WEB = 'server { listen 127.0.0.1:@PORT@; default_type text/plain; return 200 "answer 42\\n"; }'


def query(prometheus: Prometheus, expression: str) -> list[dict]:
    url = f"{prometheus.uri}/api/v1/query"
    return requests.get(url, params={"query": expression}, timeout=WITHIN).json()["data"]["result"]


@pytest.fixture(scope="module")
def web():
    with Nginx(WEB, quiet=True) as component:
        yield component


@pytest.fixture(scope="module")
def prometheus(web):
    with Prometheus(ITSELF.replace("@TARGET@", str(web.port)), quiet=True) as component:
        yield component


def test_it_scrapes_a_target(prometheus, web):
    (series,) = wait_until(lambda: query(prometheus, "answer"))
    assert series["metric"]["instance"] == f"127.0.0.1:{web.port}"
    assert series["value"][1] == "42"


def test_a_target_that_is_down_fires_an_alert():
    configuration = f"{NOTHING}rule_files: [rules.yml]\n"
    with Prometheus(configuration, files={"rules.yml": RULES}, quiet=True) as prometheus:
        url = f"{prometheus.uri}/api/v1/alerts"
        alerts = lambda: requests.get(url, timeout=WITHIN).json()["data"]["alerts"]  # noqa: E731
        wait_until(lambda: [a["state"] for a in alerts()] == ["firing"])


def test_the_configuration_may_be_a_file(tmp_path):
    (tmp_path / "other.yml").write_text(NOTHING)
    with Prometheus(tmp_path / "other.yml", quiet=True) as prometheus:
        assert (prometheus.folder / "prometheus.yml").read_text() == NOTHING


def test_a_kept_folder_keeps_the_samples(open_folder, web):
    configuration = ITSELF.replace("@TARGET@", str(web.port))
    with Prometheus(configuration, folder=open_folder, quiet=True) as first:
        wait_until(lambda: query(first, "answer"))
    with Prometheus(NOTHING, folder=open_folder, quiet=True) as second:
        assert query(second, "last_over_time(answer[1h])")


def test_sighup_reads_the_configuration_again(web):
    with Prometheus(NOTHING, quiet=True) as prometheus:
        text = ITSELF.replace("@TARGET@", str(web.port))
        (prometheus.folder / "prometheus.yml").write_text(text)
        assert prometheus.pid is not None
        os.kill(prometheus.pid, signal.SIGHUP)
        wait_until(lambda: query(prometheus, "answer"))


@pytest.mark.parametrize("path", ["/-/quit", "/-/reload", "/api/v1/admin/tsdb/snapshot"])
def test_nobody_stops_or_changes_it_over_http(prometheus, path):
    assert requests.post(prometheus.uri + path, timeout=WITHIN).status_code >= 403
    assert prometheus.running


def test_it_listens_on_this_machine_only_and_leaves_nothing():
    with Prometheus(NOTHING, quiet=True) as prometheus:
        mine = Footprint(prometheus)
        assert mine.addresses == {"127.0.0.1"}
        assert mine.ports == [prometheus.port]
    assert mine.leftovers() == []


def test_two_at_once(prometheus):
    with Prometheus(NOTHING, quiet=True) as other:
        assert other.port != prometheus.port
        assert requests.get(f"{other.uri}/-/ready", timeout=WITHIN).status_code == 200


def test_the_printed_command_works_when_typed(open_folder, capfd, typed, answer):
    with Prometheus(NOTHING, folder=open_folder) as prometheus:
        line = capfd.readouterr().out
    with typed(line, open_folder):
        assert answer(f"{prometheus.uri}/-/healthy").status_code == 200


@pytest.mark.parametrize(
    ("configuration", "rules", "message"),
    [
        (f"{NOTHING}nonsense: 1\n", RULES, "line 5: field nonsense not found"),
        (
            f"{NOTHING}rule_files: [rules.yml]\n",
            RULES.replace("up ==", "up = ="),
            "unexpected",
        ),
    ],
    ids=["configuration", "rules"],
)
def test_a_mistake_is_reported_with_the_message_of_prometheus(configuration, rules, message):
    with pytest.raises(StartFailed) as failure:
        Prometheus(configuration, files={"rules.yml": rules}, quiet=True).start()
    assert "prometheus exited with code" in failure.value.reason
    assert message in failure.value.log
