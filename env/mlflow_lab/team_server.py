"""The server that `env/server` deploys, started natively from the same files."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, Self

from dotenv import dotenv_values

from . import ports
from .certificate import OPENSSL_ARGUMENTS, self_signed
from .component import Launch
from .nginx import PORT, Nginx
from .postgresql import PostgreSQL
from .programs import FROM_LOCK, Command, require
from .seaweedfs import SeaweedFS
from .tracking_server import TrackingServer

FILES = Path(__file__).resolve().parents[1] / "server"
STARTED = ("start.sh", "prepare.py", "application.py", "authentication.py", "permissions.py")
ADMINISTRATOR = "admin"
CERTIFICATE, KEY = "mlflow.crt", "mlflow.key"
SECRETS = ("MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD")


class Replica(TrackingServer):
    """One replica, run by `env/server/start.sh`; its settings are in `environment`."""

    title = "MLflow replica"
    stop_within = 35.0  # start.sh gives running requests 30 s

    def _plan(self) -> Launch:
        require("mlflow", "MLflow", FROM_LOCK)
        files = {name: (FILES / name).read_text() for name in STARTED}
        return Launch(Command("/bin/sh", ("start.sh", *self.options)), files=files)

    def _own_environment(self) -> dict[str, str]:
        return {**super()._own_environment(), "MLFLOW_PORT": str(self.port)}

    def _environment(self) -> dict[str, str]:
        environment = super()._environment()
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{environment['PATH']}"
        return {**environment, "PATH": path}


class TeamServer:
    """PostgreSQL, an S3-compatible store, replicas of MLflow with basic-auth, nginx with TLS.

    A context manager like the components that it consists of; they are its attributes and can be
    stopped and started one by one.

    Args:
        replicas: how many.
        workers: of each replica.
        folder: keeps the data and secrets in it, so that the server can be started again on them,
            and the database while the rest runs. None: everything is gone at stop. PostgreSQL does
            not run as root: root needs a folder that others can enter.
        settings: variables that differ from `env/server/.env.example`.
        quiet: do not print the commands.

    Attributes:
        database: PostgreSQL.
        store: SeaweedFS.
        replicas: the `Replica` objects; their own `uri` is plain http.
        proxy: Nginx.
        uri: of the proxy, https.
        certificate: file for MLFLOW_TRACKING_SERVER_CERT_PATH.
        password: of the user `admin`.
    """

    def __init__(
        self,
        replicas: int = 2,
        *,
        workers: int = 1,
        folder: str | os.PathLike[str] | None = None,
        settings: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        self._folder = None if folder is None else Path(folder).absolute()
        self._settings = {**(settings or {}), "MLFLOW_WORKERS": str(workers)}
        self._count = replicas
        self._quiet = quiet
        self._stack: ExitStack | None = None
        self.password = ""

    @property
    def uri(self) -> str:
        return self.proxy.uri

    @property
    def certificate(self) -> Path:
        return self.proxy.folder / CERTIFICATE

    def environment(self, user: str = ADMINISTRATOR, password: str | None = None) -> dict[str, str]:
        """Variables with which an MLflow client uses this server as this user."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": self.password if password is None else password,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificate),
        }

    def create_user(self, name: str) -> dict[str, str]:
        """Creates a user with a random password; returns `environment` of that user."""
        import requests

        password = secrets.token_urlsafe(16)
        answer = requests.post(
            f"{self.uri}/api/2.0/mlflow/users/create",
            json={"username": name, "password": password},
            auth=(ADMINISTRATOR, self.password),
            verify=str(self.certificate),
            timeout=120,
        )
        answer.raise_for_status()
        return self.environment(name, password)

    def start(self) -> Self:
        """Starts all of it, the replicas side by side. Does nothing when it was started.

        Raises what the components raise; then nothing is left running.
        """
        if self._stack is not None:
            return self
        with ExitStack() as stack:
            quiet = self._quiet
            self.database = stack.enter_context(
                PostgreSQL(folder=self._sub("database"), quiet=quiet)
            )
            self.store = stack.enter_context(SeaweedFS(folder=self._sub("store"), quiet=quiet))
            settings = self._server_settings()
            self.password = settings["MLFLOW_AUTH_ADMIN_PASSWORD"]
            self.replicas = [Replica(environment=settings, quiet=quiet) for _ in range(self._count)]
            for replica in self.replicas:
                stack.callback(replica.stop)
            with ThreadPoolExecutor(self._count) as pool:
                list(pool.map(Replica.start, self.replicas))
            if not quiet:
                made = f"-keyout {KEY} -out {CERTIFICATE}"
                print(f"$ openssl {' '.join(OPENSSL_ARGUMENTS)} {made}", flush=True)
            files = dict(zip((KEY, CERTIFICATE), self_signed(), strict=True))
            self.proxy = Nginx(proxy_configuration(self.replicas), files=files, quiet=quiet)
            stack.enter_context(self.proxy)
            self._stack = stack.pop_all()
        return self

    def stop(self) -> None:
        """Stops all of it. Does nothing when it does not run."""
        if self._stack is not None:
            stack, self._stack = self._stack, None
            stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _sub(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / name

    def _server_settings(self) -> dict[str, str]:
        return {
            **_variables(FILES / ".env.example"),
            **self._secrets(),
            **self.store.environment,
            "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*",
            "MLFLOW_BACKEND_STORE_URI": self.database.uri,
            **self._settings,
        }

    def _secrets(self) -> dict[str, str]:
        """New ones, or those that are kept in the folder."""
        kept = self._sub(".env")
        if kept is not None and kept.exists():
            return _variables(kept)
        new = {name: secrets.token_hex(24) for name in SECRETS}
        if kept is not None:
            kept.touch(0o600)
            kept.write_text("".join(f"{name}={value}\n" for name, value in new.items()))
        return new


def _variables(file: Path) -> dict[str, str]:
    """Those that the file gives a value."""
    return {name: value for name, value in dotenv_values(file).items() if value}


class Listening(Protocol):
    """What has a port on this machine."""

    port: int


def proxy_configuration(replicas: Sequence[Listening]) -> str:
    """`env/server/nginx.conf` with what belongs to a machine exchanged: addresses and paths.

    Raises ValueError when a line to exchange is not there as expected.
    """
    text = (FILES / "nginx.conf").read_text()
    lines = text.splitlines(keepends=True)
    servers = [line for line in lines if line.strip().startswith("server mlflow-")]
    rest = servers[0].split(":5000")[1]
    ours = "".join(f"    server 127.0.0.1:{r.port}{rest}" for r in replicas)
    for old, new in (
        ("".join(servers), ours),
        ("listen 80;", f"listen 127.0.0.1:{ports.free()[0]};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{PORT} ssl;"),
        (f"/etc/nginx/tls/{CERTIFICATE}", CERTIFICATE),
        (f"/etc/nginx/tls/{KEY}", KEY),
    ):
        if text.count(old) != 1:
            raise ValueError(f"nginx.conf has {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    return text.replace("/var/log/nginx/access.log", "access.log")
