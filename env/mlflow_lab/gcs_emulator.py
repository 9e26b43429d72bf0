"""gcp-storage-emulator, an emulator of Google Cloud Storage."""

from typing import Unpack

from . import http_probe
from .component import Component, Launch, Options, proxy_exceptions
from .programs import SET_UP, Command, require


class GCSEmulator(Component):
    """Runs `gcp-storage-emulator`, which asks nobody for credentials.

    Args:
        bucket: created at start.

    Attributes:
        endpoint_url: of the JSON API.
        environment: variables with which Google's client and MLflow reach this store at
            `gs://<bucket>`.

    In the folder: the objects in `data`. Every request is a line of the log.
    """

    title = "gcp-storage-emulator"
    log_name = "gcs.log"
    drops = ("STORAGE_",)

    def __init__(self, bucket: str = "mlflow", **component: Unpack[Options]) -> None:
        super().__init__(**component)
        self.bucket = bucket

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint_url, **proxy_exceptions()}

    def _plan(self) -> Launch:
        program = require("gcp-storage-emulator", self.title, SET_UP)
        arguments = (
            *("start", "--host", "127.0.0.1", "--port", str(self.port)),
            f"--default-bucket={self.bucket}",
        )
        return Launch(Command(program, arguments))

    def _own_environment(self) -> dict[str, str]:
        return {**super()._own_environment(), "STORAGE_DIR": "data"}

    def _healthy(self) -> bool:
        return http_probe.status(self.port, f"/storage/v1/b/{self.bucket}") == 200
