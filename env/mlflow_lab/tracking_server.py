"""MLflow's tracking server."""

from typing import Unpack

from . import http_probe
from .component import Component, Launch, Options
from .programs import FROM_LOCK, Command, require


class TrackingServer(Component):
    """Runs `mlflow server --host 127.0.0.1 --port PORT *options`.

    Unless the options or the environment say otherwise: one worker, a SQLite file and an artifact
    folder in the component's folder, no telemetry, and a minute for a worker to answer uvicorn. The
    caller's own MLFLOW_* variables do not reach the server.

    Args:
        options: of `mlflow server`, as on its command line.
        environment: variables for the server, for example `SeaweedFS.environment`.

    Attributes:
        uri: for `mlflow.set_tracking_uri`.
    """

    title = "mlflow server"
    log_name = "mlflow.log"
    drops = ("MLFLOW_", "_MLFLOW_")
    # uvicorn waits for clients: with TLS 30 s for an idle connection that is kept alive.
    stop_within = 3.0

    def __init__(
        self,
        *options: str,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        self.options = options
        if self._given("--port", "-p"):
            raise ValueError("Give the port as port=..., so that the server can be found.")

    @property
    def uri(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def _tls(self) -> bool:
        # As in --uvicorn-opts "--ssl-keyfile key.pem --ssl-certfile cert.pem".
        return any("certfile" in option for option in self.options)

    def _plan(self) -> Launch:
        program = require("mlflow", "MLflow", FROM_LOCK)
        arguments = ["server", "--host", "127.0.0.1", "--port", str(self.port)]
        if not self._given("--workers", "-w"):
            arguments += ["--workers", "1"]
        if not self._given("--backend-store-uri", "--artifacts-only"):
            arguments += ["--backend-store-uri", "sqlite:///mlflow.db"]
        if not self._given("--artifacts-destination", "--no-serve-artifacts"):
            arguments += ["--artifacts-destination", "./artifacts"]
        return Launch(Command(program, (*arguments, *self.options)))

    def _given(self, *names: str) -> bool:
        """Whether one of these options is given, on the command line or as MLFLOW_<OPTION>."""
        words = {option.split("=", 1)[0] for option in self.options}
        variables = {"MLFLOW_" + name.strip("-").replace("-", "_").upper() for name in names}
        return bool(words & set(names) or variables & self._extra_environment.keys())

    def _environment(self) -> dict[str, str]:
        # With several workers uvicorn ends one that does not answer it for 5 s, also while that
        # one still imports MLflow, which takes longer on a busy machine.
        defaults = {"MLFLOW_DISABLE_TELEMETRY": "true", "UVICORN_TIMEOUT_WORKER_HEALTHCHECK": "60"}
        return {**defaults, **super()._environment()}

    def _healthy(self) -> bool:
        return http_probe.status(self.port, "/health", tls=self._tls) == 200
