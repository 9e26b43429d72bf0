"""Prometheus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from . import http_probe
from .component import Component, Launch, Options
from .programs import SET_UP, Command, require

CONFIGURATION = "prometheus.yml"


class Prometheus(Component):
    """Runs `prometheus`, which scrapes what its configuration names and answers PromQL.

    Its API that deletes data or stops it is off, and so is the one that reloads the configuration:
    SIGHUP to `pid` does that.

    Args:
        configuration: text of `prometheus.yml`; a `Path` is read. Relative paths in it (rule
            files, password files) are relative to `folder`.
        files: contents by name, written into `folder` before the start: rules, passwords.

    Attributes:
        uri: of the HTTP API and the web UI, without a password.

    In the folder: `prometheus.yml`, the given files, the samples in `data`.

    Errors beyond those of every component: a configuration or a rule file that Prometheus refuses
    is StartFailed, with its message in `log`.

    Options and API: https://prometheus.io/docs/prometheus/latest/command-line/prometheus/ and
    https://prometheus.io/docs/prometheus/latest/querying/api/
    """

    title = "Prometheus"
    log_name = "prometheus.log"

    def __init__(
        self,
        configuration: str | Path,
        *,
        files: Mapping[str, str] | None = None,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        if isinstance(configuration, Path):
            configuration = configuration.read_text()
        self.configuration = configuration
        self._files = dict(files or {})

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _plan(self) -> Launch:
        program = require("prometheus", "Prometheus", SET_UP)
        arguments = (
            *(f"--config.file={CONFIGURATION}", "--storage.tsdb.path=data"),
            f"--web.listen-address=127.0.0.1:{self.port}",
            *("--no-web.enable-admin-api", "--no-web.enable-lifecycle"),
        )
        files = {**self._files, CONFIGURATION: self.configuration}
        return Launch(Command(program, arguments), files=files)

    def _healthy(self) -> bool:
        # 503 until what is in `data` has been read.
        return http_probe.status(self.port, "/-/ready") == 200
