"""env/server as a reader deploys it: a copy of it with settings, secrets and a certificate."""

import random
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Self

import yaml
from mlflow_lab import ports
from mlflow_lab.certificate import self_signed

from tests.conftest import ROOT
from tests.server.container_engine import Engine

HEALTHY_WITHIN = 480  # seconds


class Deployment:
    """The stack of compose.yaml. A context manager: started, and removed with its data at the end.

    Args:
        engine: brings it up.
        folder: an empty one.

    Attributes:
        uri: of the proxy.
        client: variables of an MLflow client of the administrator.
        services: names of all services.
        build_seconds, up_seconds: how long the image took to build, and the stack to be healthy.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        # Without those of a stack that was deployed from this very folder.
        own = shutil.ignore_patterns(".env", "tls", "ca")
        shutil.copytree(ROOT / "env" / "server", folder / "env" / "server", ignore=own)
        for name in ("requirements.txt", ".dockerignore"):
            shutil.copy(ROOT / name, folder)
        self.folder = folder / "env" / "server"
        services = yaml.safe_load((self.folder / "compose.yaml").read_text())["services"]
        self.services = [n for n, service in services.items() if "profiles" not in service]
        http, https = ports.free(2)
        self.uri = f"https://127.0.0.1:{https}"
        self._settings = settings_with_secrets((self.folder / ".env.example").read_text()) | {
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{https}",
            "MLFLOW_WORKERS": "1",
            "COMPOSE_PROJECT_NAME": f"mlflow-{secrets.token_hex(4)}",
            "PROXY_NETWORK": f"172.29.{random.randrange(256)}",
            "HTTP_PORT": f"127.0.0.1:{http}",
            "HTTPS_PORT": f"127.0.0.1:{https}",
        }
        env = self.folder / ".env"
        env.touch(0o600)
        env.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))
        (self.folder / "tls").mkdir()
        for name, content in zip(("mlflow.key", "mlflow.crt"), self_signed(), strict=True):
            (self.folder / "tls" / name).write_text(content)
        self.client = {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": self._settings["MLFLOW_AUTH_ADMIN_PASSWORD"],
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.folder / "tls" / "mlflow.crt"),
        }

    def __enter__(self) -> Self:
        started = time.monotonic()
        try:
            self.compose("build", "mlflow-1")
            self.build_seconds = time.monotonic() - started
            self.up_seconds = self.up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes")

    def compose(self, *arguments: str) -> str:
        """What `docker compose` or `podman-compose` printed. Raises AssertionError if it failed."""
        # A variable of the shell would come before .env.
        command = (*self.engine.compose, *arguments)
        return self.engine.run(*command, cwd=self.folder, hidden=self._settings)

    def script(self, name: str, *arguments: str, backups: Path) -> str:
        """What a script of env/server printed, with this folder of backups.

        Raises AssertionError if it failed.
        """
        compose = " ".join(word for word in self.engine.compose if "build" not in word)
        variables = (f"COMPOSE={compose}", f"BACKUP_FOLDER={backups}")
        script = self.folder / name
        return self.engine.run("env", *variables, "bash", script, *arguments, hidden=self._settings)

    def up(self) -> float:
        """Starts all of it and waits until it is healthy; returns how many seconds that took.

        Raises AssertionError with the log of a service that is not, after HEALTHY_WITHIN.
        """
        started = time.monotonic()
        self.compose("up", "--detach")
        self.wait(*self.services)
        return time.monotonic() - started

    def wait(self, *services: str) -> None:
        """Until each of these services was healthy. Raises AssertionError as `up` does."""
        deadline = time.monotonic() + HEALTHY_WITHIN
        # One after the other: each look costs the machine that they start on.
        for service in services:
            while not self.healthy(service):
                if time.monotonic() > deadline:
                    log = self.engine.log(self.container(service))
                    raise AssertionError(f"{service} is not healthy:\n{log}")
                time.sleep(1)

    def healthy(self, service: str) -> bool:
        return self.engine.healthy(self.container(service))

    def container(self, service: str) -> str:
        """Id of the service's container."""
        labels = {"project": self._settings["COMPOSE_PROJECT_NAME"], "service": service}
        filters = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        return self.engine("ps", "--all", "--quiet", *filters).strip()

    def inspect(self, service: str) -> dict:
        """What the engine knows about the service's container."""
        return self.engine.inspect("container", self.container(service))

    def started(self, service: str) -> str:
        """When the service's container was started for the last time, as the engine tells it."""
        return self.inspect(service)["State"]["StartedAt"]

    def execute(self, service: str, *command: str) -> str:
        """What a command printed in the service's container."""
        return self.engine("exec", self.container(service), *command)


def settings_with_secrets(example: str) -> dict[str, str]:
    """The settings of .env.example, with a random value for each secret, which is empty there."""
    settings = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    for name, value in settings.items():
        if not value and re.search("KEY|PASSWORD", name):
            settings[name] = secrets.token_hex(20)
    return settings
