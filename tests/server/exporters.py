"""Programs that tell Prometheus about what has no metrics of its own."""

from collections.abc import Sequence

from mlflow_lab import http_probe
from mlflow_lab.component import Component, Launch
from mlflow_lab.programs import SET_UP, Command, require


class Exporter(Component):
    """Runs `prometheus-<name>-exporter`.

    Args:
        name: of the package in Debian, without what all have in common.
        arguments: what it gets besides its address.
        files: contents by name, written into its folder.
        environment: variables that it gets on top of ours.
    """

    title = "exporter"
    log_name = "exporter.log"

    def __init__(
        self,
        name: str,
        arguments: Sequence[str] = (),
        *,
        files: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(environment=environment, quiet=True)
        self._name = name
        self._arguments = arguments
        self._files = files or {}

    def _plan(self) -> Launch:
        program = require(f"prometheus-{self._name}-exporter", "its exporter", SET_UP)
        address = f"--web.listen-address=127.0.0.1:{self.port}"
        return Launch(Command(program, (address, *self._arguments)), files=self._files)

    def _healthy(self) -> bool:
        return http_probe.status(self.port, "/metrics") == 200
