"""The documented commands for systemd, on a machine where systemd runs: a container of its own.

    pytest tests/server/on_systemd.py

Not collected by itself: it needs Podman as root. `make test-systemd` runs it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.server.container_engine import Engine
from tests.server.private_podman import STAND_INS, build_options
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("containers")

IMAGE = "mlflow-server:3.6.0"
BOOK = "/srv/book"
HTTPS = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--cacert")
READY_WITHIN = 480  # seconds


class Machine:
    """The container; the repository is in BOOK."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def __call__(self, *command: str) -> str:
        """What it printed. Raises AssertionError if it failed."""
        return self._engine("exec", self.name, *command)

    def shell(self, line: str) -> str:
        return self("bash", "-euc", line)

    def status(self, path: str, *options: str) -> str:
        """What https://localhost answers."""
        return self(*HTTPS, "/etc/mlflow/ca/ca.crt", *options, f"https://localhost{path}")

    def property(self, unit: str, name: str) -> str:
        """Of a unit, as systemd knows it."""
        return self("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def install(self) -> None:
        self.shell(f"cd {BOOK}/env/server && ./install-systemd.sh localhost")


@contextmanager
def running(engine: Engine, folder: Path) -> Iterator[Machine]:
    storage = Path(engine.environment["CONTAINERS_CONF"]).parent
    if IMAGE not in engine("images", "--format={{.Repository}}:{{.Tag}}"):
        dockerfile = ROOT / "env" / "server" / "Dockerfile"
        engine("build", *build_options(storage), "--file", dockerfile, "--tag", IMAGE, ROOT)
    engine(
        *("build", "--quiet", *build_options(storage), f"--build-context=stand-ins={STAND_INS}"),
        *("--file", STAND_INS / "machine.Containerfile", "--tag", "machine", STAND_INS),
    )
    # Units have namespaces of their own, which a container may not make.
    name = engine(
        *("run", "--detach", "--privileged", "--systemd=always", f"--volume={folder}:{BOOK}"),
        "machine",
    ).strip()
    try:
        machine = Machine(engine, name)
        wait_until(lambda: "running" in machine.shell("systemctl is-system-running || true"))
        yield machine
    finally:
        engine("rm", "--force", "--time=0", name)


def test_installed_upgraded_hung_and_removed(engine: Engine, tmp_path: Path) -> None:
    """One test: each step needs the one before."""
    own = shutil.ignore_patterns(".env", "tls", "ca", "__pycache__")
    server = shutil.copytree(ROOT / "env" / "server", tmp_path / "env" / "server", ignore=own)
    with running(engine, tmp_path) as machine:
        machine.install()
        nginx_started = machine.property("nginx", "ActiveEnterTimestampMonotonic")
        assert machine.status("/health") == "502"  # nobody filled in the keys yet
        for name in ("MLFLOW_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            value = "http://127.0.0.1:8333" if "URL" in name else "key"
            machine("sed", "-i", f"s#^{name}=.*#{name}={value}#", "/etc/mlflow/mlflow.env")
        machine("systemctl", "enable", "--now", "mlflow@5000", "mlflow@5001")
        # It has started, so it answers.
        assert machine.status("/health") == "200"
        for port in (5000, 5001):
            assert machine.property(f"mlflow@{port}", "User") == "mlflow"
            machine.shell(f"MLFLOW_PORT={port} python /opt/mlflow/server/ready.py")
        roles = "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper"
        assert machine("runuser", "-u", "postgres", "--", "psql", "-XAtc", roles) == "postgres\n"
        settings = "/etc/mlflow/mlflow.env"
        password = machine("sed", "-n", "s/^MLFLOW_AUTH_ADMIN_PASSWORD=//p", settings).strip()
        search = ("/api/2.0/mlflow/experiments/search?max_results=1", "--user", f"admin:{password}")
        assert machine.status(*search) == "200"

        # The server of one replica hangs: start.sh and all that it started.
        machine.shell("kill -STOP -- -$(systemctl show --value --property=MainPID mlflow@5000)")

        # Meanwhile an upgrade, with another nginx.conf.
        conf = server / "nginx.conf"
        added = "    location = /upgraded { auth_request off; return 204; }\n"
        health = "    location = /health {\n"
        assert conf.read_text().count(health) == 1
        conf.write_text(conf.read_text().replace(health, added + health))
        assert machine.status("/upgraded") == "401"
        machine.shell("echo 'add_header X-Own own;' > /etc/nginx/mlflow.d/own.conf")
        machine.install()
        assert machine.status("/upgraded") == "204"
        assert machine.property("nginx", "ActiveEnterTimestampMonotonic") == nginx_started
        head = machine("curl", "-skI", "https://localhost/upgraded")
        assert "X-Own: own" in head

        wait_until(lambda: machine.property("mlflow@5000", "NRestarts") == "1", READY_WITHIN)
        wait_until(lambda: machine.property("mlflow@5000", "ActiveState") == "active", READY_WITHIN)
        assert machine.property("mlflow@5001", "NRestarts") == "0"
        assert machine.status(*search) == "200"

        machine.shell(f"{BOOK}/env/server/remove-systemd.sh --purge --yes")
        left = machine.shell("ls -d /etc/mlflow /opt/mlflow /etc/nginx/tls 2>&1 || true")
        assert left.count("No such file") == 3
        assert machine("systemctl", "list-units", "--plain", "--no-legend", "mlflow*") == ""
        assert "mlflow" not in machine("runuser", "-u", "postgres", "--", "psql", "-XAtlc", "\\l")
        machine.shell("! getent passwd mlflow && nginx -t")
