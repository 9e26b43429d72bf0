"""Azurite, Microsoft's emulator of Azure Blob Storage."""

import base64
import contextlib
import secrets
from typing import Unpack

from . import http_probe
from .certificate import self_signed
from .component import Component, Launch, Options, proxy_exceptions
from .programs import SET_UP, Command, require


class Azurite(Component):
    """Runs `azurite-blob` with one account, whose key is new for each object of this class.

    Args:
        container: created at start.
        oauth: whether it takes tokens too, as a managed identity has them. It reads them and does
            not check who signed them. Then it speaks https, with a certificate of its own.

    Attributes:
        account: name of the account.
        account_key: its key.
        endpoint_url: of the account.
        connection_string: with the key, as the Azure portal shows it.
        environment: variables with which MLflow reaches this store at
            `wasbs://<container>@<account>.blob.core.windows.net`.

    In the folder: the blobs in `data`; with `oauth` the certificate as `cert.pem`.
    """

    title = "Azurite"
    log_name = "azurite.log"
    drops = ("AZURE_", "AZURITE_")
    account = "lab"

    def __init__(
        self,
        container: str = "mlflow",
        *,
        oauth: bool = False,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        self.container = container
        self.oauth = oauth
        self.account_key = base64.b64encode(secrets.token_bytes(32)).decode()

    @property
    def endpoint_url(self) -> str:
        return f"http{'s' * self.oauth}://127.0.0.1:{self.port}/{self.account}"

    @property
    def connection_string(self) -> str:
        protocol = self.endpoint_url.partition(":")[0]
        return (
            f"DefaultEndpointsProtocol={protocol};AccountName={self.account};"
            f"AccountKey={self.account_key};BlobEndpoint={self.endpoint_url}"
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string, **proxy_exceptions()}

    def _plan(self) -> Launch:
        program = require("azurite-blob", "Azurite", SET_UP)
        arguments = (
            *("--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", "data"),
            # Clients are newer than the API versions that it knows.
            *("--skipApiVersionCheck", "--disableTelemetry"),
            *(("--oauth", "basic", "--cert", "cert.pem", "--key", "key.pem") * self.oauth),
        )
        certificate = zip(("key.pem", "cert.pem"), self_signed(), strict=True)
        files = dict(certificate) if self.oauth else {}
        return Launch(Command(program, arguments), files=files)

    def _own_environment(self) -> dict[str, str]:
        accounts = {"AZURITE_ACCOUNTS": f"{self.account}:{self.account_key}"}
        return {**super()._own_environment(), **accounts}

    def _secrets(self) -> list[str]:
        return [*super()._secrets(), self.account_key]

    def _healthy(self) -> bool:
        return http_probe.status(self.port, f"/{self.account}", tls=self.oauth) > 0

    def _set_up(self) -> None:
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import BlobServiceClient

        client = BlobServiceClient.from_connection_string(
            self.connection_string,
            connection_verify=str(self.folder / "cert.pem") if self.oauth else True,
            use_env_settings=False,
        )
        with client, contextlib.suppress(ResourceExistsError):
            client.create_container(self.container)
