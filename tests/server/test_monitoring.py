"""env/server/monitoring as Prometheus, promtool and the exporters take it, on the running stack."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from mlflow_lab import Nginx, Prometheus, ports
from mlflow_lab.programs import find
from mlflow_lab.team_server import Replica

from tests.conftest import ROOT
from tests.server.exporters import Exporter
from tests.waiting import WITHIN, wait_until

SERVER = ROOT / "env" / "server"
FILES = SERVER / "monitoring"
CONFIGURATION = (FILES / "prometheus.yml").read_text()
RULES = [r for g in yaml.safe_load((FILES / "rules.yml").read_text())["groups"] for r in g["rules"]]
DASHBOARD = json.loads((FILES / "grafana" / "mlflow.json").read_text())
PANELS = DASHBOARD["panels"]
OVERLAY = yaml.safe_load((SERVER / "compose.monitoring.yaml").read_text())["services"]
HOST = "mlflow.example.com"
EXPORTERS = [f"prometheus-{name}-exporter" for name in ("blackbox", "nginx", "node", "postgres")]


def for_systemd(file: str) -> str:
    """A file as the command at its head makes it."""
    command = ["sed", "-f", str(FILES / "systemd.sed"), str(FILES / file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess:
    program = find("promtool") or pytest.skip("Prometheus is not installed")
    return subprocess.run([program, *arguments], capture_output=True, text=True)


def targets(configuration: str) -> dict[str, list[str]]:
    """By job what is scraped, and from whom."""
    return {
        job["job_name"]: [
            *job["static_configs"][0]["targets"],
            *(r["replacement"] for r in job.get("relabel_configs", ()) if "replacement" in r),
        ]
        for job in yaml.safe_load(configuration)["scrape_configs"]
    }


@pytest.mark.parametrize(
    "configuration", [CONFIGURATION, for_systemd("prometheus.yml")], ids=["compose", "systemd"]
)
def test_prometheus_takes_the_configuration_with_its_rules(tmp_path, configuration):
    shutil.copy(FILES / "rules.yml", tmp_path)
    (tmp_path / "prometheus.yml").write_text(configuration)
    (tmp_path / "password").touch()
    result = promtool("check", "config", tmp_path / "prometheus.yml")
    assert result.returncode == 0, result.stderr
    assert f"{len(RULES)} rules found" in result.stdout


def test_on_one_machine_all_is_scraped_there():
    compose, systemd = targets(CONFIGURATION), targets(for_systemd("prometheus.yml"))
    assert compose.keys() == systemd.keys()
    found = [target for job in systemd.values() for target in job]
    assert all(t.removeprefix("https://").startswith("127.0.0.1") for t in found), found
    assert len(set(found)) == len(found) == sum(map(len, compose.values()))


def test_each_alert_fires_when_it_should_and_not_before(tmp_path):
    result = promtool("test", "rules", FILES / "rules_test.yml")
    assert result.returncode == 0, result.stdout + result.stderr
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in yaml.safe_load((FILES / "rules_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {(rule["alert"], fires) for rule in RULES for fires in (True, False)} == set(cases)
    # A rule that is too late, and one that always fires.
    shutil.copy(FILES / "rules_test.yml", tmp_path)
    for old, new in (("for: 1m", "for: 1h"), ('up{job="mlflow"} == 0', 'up{job="mlflow"} >= 0')):
        wrong = (FILES / "rules.yml").read_text().replace(old, new, 1)
        (tmp_path / "rules.yml").write_text(wrong)
        assert promtool("test", "rules", tmp_path / "rules_test.yml").returncode != 0


def test_grafana_gets_panels_that_do_not_overlap():
    squares = [
        (x, y)
        for position in (panel["gridPos"] for panel in PANELS)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(squares)) == len(squares) and max(x for x, _ in squares) < 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    [datasource] = DASHBOARD["templating"]["list"]
    used = {t["datasource"]["uid"] for panel in PANELS for t in (panel, *panel["targets"])}
    assert used == {f"${{{datasource['name']}}}"}


@pytest.fixture(scope="module")
def merged(tmp_path_factory) -> dict:
    """The services of compose.yaml with compose.monitoring.yaml."""
    folder = tmp_path_factory.mktemp("compose")
    names = ("compose.yaml", "compose.monitoring.yaml")
    for name in names:
        shutil.copy(SERVER / name, folder)
    example = (SERVER / ".env.example").read_text()
    settings = re.sub(r"^(\w+)=$", r"\1=x", f"{example}GRAFANA_PASSWORD=\n", flags=re.M)
    (folder / ".env").write_text(settings)
    environment = {k: v for k, v in os.environ.items() if f"{k}=" not in settings}
    program = Path(sys.executable).with_name("podman-compose")
    files = [word for name in names for word in ("--file", folder / name)]
    result = subprocess.run(
        [program, *files, "config"], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)["services"]


class TestCompose:
    def test_a_replica_takes_requests_for_the_names_that_are_scraped(self, merged):
        scraped = targets(CONFIGURATION)["mlflow"]
        assert [name.partition(":")[0] for name in scraped] == ["mlflow-1", "mlflow-2"]
        for replica in ("mlflow-1", "mlflow-2"):
            allowed = merged[replica]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
            assert allowed == [HOST, *scraped]
            assert "MLFLOW_BACKEND_STORE_URI" in merged[replica]["environment"]

    def test_what_prometheus_asks_is_in_a_network_with_it(self, merged):
        named = {
            re.split("[:/]", target.removeprefix("https://"))[0]
            for target in sum(targets(CONFIGURATION).values(), [])
        }
        assert named <= merged.keys()
        for name in named:
            assert set(merged["prometheus"]["networks"]) & set(merged[name]["networks"]), name

    def test_nothing_new_can_be_reached_from_another_machine_or_may_more_than_it_needs(
        self, merged
    ):
        new = {
            name: service for name, service in merged.items() if "image" in OVERLAY.get(name, {})
        }
        assert len(new) == 6
        for name, service in new.items():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
            assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name

    def test_what_it_mounts_from_here_is_here(self):
        mounted = [
            volume.split(":")[0]
            for service in OVERLAY.values()
            for volume in service.get("volumes", ())
            if volume.startswith("./")
        ]
        assert len(mounted) == 6
        assert [path for path in mounted if not (SERVER / path).exists()] == []


@dataclass
class Scraped:
    """The running stack, and Prometheus on it."""

    prometheus: Prometheus
    strict: Replica

    def api(self, path: str, **parameters: str) -> dict:
        url = f"{self.prometheus.uri}/api/v1/{path}"
        return requests.get(url, params=parameters, timeout=WITHIN).json()["data"]

    def answer(self, expression: str) -> list:
        expression = expression.replace("$__rate_interval", "1m")
        return self.api("query", query=expression)["result"]


@pytest.fixture(scope="module")
def scraped(team):
    """Prometheus with the files of systemd, at the ports of this stack.

    One more replica, which is known by the name of the proxy and by what is scraped, and by
    nothing else.
    """
    if not all(map(find, ("prometheus", *EXPORTERS))):
        (pytest.fail if shutil.which("apt-get") else pytest.skip)("exporters are not installed")
    database, (port,) = urlsplit(team.database.uri), ports.free()
    allowed = {"MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST},127.0.0.1:{port}"}
    with ExitStack() as stack:
        strict = Replica(port=port, environment=team._server_settings() | allowed, quiet=True)
        stack.callback(strict.stop)
        strict.start()
        status = for_systemd("nginx-status.conf").replace("127.0.0.1:8080", "127.0.0.1:@PORT@")
        counted = stack.enter_context(Nginx(status, quiet=True))
        backup = f"mlflow_backup_last_success_timestamp_seconds {time.time()}\n"
        started = {
            "9187": Exporter(
                "postgres",
                environment={
                    "DATA_SOURCE_URI": f"127.0.0.1:{database.port}/mlflow?sslmode=disable",
                    "DATA_SOURCE_USER": str(database.username),
                    "DATA_SOURCE_PASS": str(database.password),
                },
            ),
            "9113": Exporter("nginx", [f"-nginx.scrape-uri={counted.uri}/stub_status"]),
            "9100": Exporter(
                "node", ["--collector.textfile.directory=."], files={"mlflow.prom": backup}
            ),
            "9115": Exporter(
                "blackbox",
                ["--config.file=blackbox.yml"],
                files={"blackbox.yml": (FILES / "blackbox.yml").read_text()},
            ),
        }
        configuration = for_systemd("prometheus.yml").replace("15s", "1s")
        found = {"5000": port, "5001": team.replicas[0].port}
        found |= {usual: stack.enter_context(e).port for usual, e in started.items()}
        for usual, ours in found.items():
            configuration = configuration.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{ours}")
        configuration = configuration.replace("https://127.0.0.1", team.uri)
        password = team.create_user("prometheus")["MLFLOW_TRACKING_PASSWORD"]
        files = {"password": password, "rules.yml": (FILES / "rules.yml").read_text()}
        prometheus = stack.enter_context(Prometheus(configuration, files=files, quiet=True))
        yield Scraped(prometheus, strict)


def test_everything_is_scraped_also_where_hosts_are_strict(scraped):
    def health() -> list[str]:
        found = scraped.api("targets")["activeTargets"]
        return [t["health"] if t["health"] == "up" else t["lastError"] for t in found]

    try:
        wait_until(lambda: health() == ["up"] * 6)
    except AssertionError as error:
        raise AssertionError(health()) from error
    uri = f"{scraped.strict.uri}/metrics"
    for host, status in ((HOST, 401), ("mlflow-1:5000", 403)):
        answer = requests.get(uri, headers={"Host": host}, timeout=WITHIN)
        assert answer.status_code == status


def test_every_panel_and_every_rule_is_answered(scraped):
    user = ("prometheus", "wrong")
    path = "/api/2.0/mlflow-artifacts/artifacts/0/nothing"
    assert requests.put(scraped.strict.uri + path, auth=user, timeout=WITHIN).status_code == 401
    asked = {t["expr"] for panel in PANELS for t in panel["targets"]}
    assert len(asked) > 20

    def unanswered() -> list[str]:
        return [expression for expression in asked if not scraped.answer(expression)]

    try:
        wait_until(lambda: not unanswered())
    except AssertionError as error:
        raise AssertionError(f"No answer to {unanswered()}") from error

    def rules() -> list[dict]:
        return [rule for group in scraped.api("rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] == "ok" for rule in rules()))
    assert {rule["name"] for rule in rules()} == {rule["alert"] for rule in RULES}
    metrics = {
        m
        for rule in RULES
        for m in re.findall(r"\b(?:mlflow|pg|nginx|node|probe)_\w+", rule["expr"])
    }
    assert len(metrics) > 8
    assert [name for name in metrics if not scraped.answer(name)] == []
    assert not scraped.answer("mlflow_no_such_metric")
