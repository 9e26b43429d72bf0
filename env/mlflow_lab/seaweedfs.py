"""SeaweedFS, an S3-compatible object store."""

import os
import secrets
from signal import SIGKILL, SIGTERM
from typing import Unpack

from . import http_probe, ports
from .component import Component, Launch, Options, proxy_exceptions
from .programs import FROM_LOCK, Command, require

REGION = "us-east-1"
GRPC = 10000  # `weed` adds this to each HTTP port; the worker insists on it for the admin port
LAST = 32767 - GRPC  # so that no port is one of Linux's for outgoing connections
SERVICES = ("master", "volume", "filer", "admin")  # besides s3
PROBE = ".mlflow_lab"  # key of the object written and deleted to see that the bucket is writable


class SeaweedFS(Component):
    """Runs `weed mini`, with new random credentials at every start.

    Only requests with the right keys are answered on `endpoint_url`; the other services of
    SeaweedFS have no authentication of their own and listen on 127.0.0.1 as well.

    Args:
        bucket: created at start.
        iam: whether users, keys and policies can be made through the IAM API, which answers on
            `endpoint_url` too. They are kept with the data.

    Attributes:
        endpoint_url: of the S3 API.
        access_key, secret_key: of an administrator.
        environment: variables with which boto3 and MLflow reach this store.
    """

    title = "SeaweedFS"
    log_name = "weed.log"
    drops = ("AWS_", "S3_", "WEED_")

    def __init__(
        self,
        bucket: str = "mlflow",
        *,
        iam: bool = False,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        self.bucket = bucket
        self.iam = iam
        self.access_key = ""
        self.secret_key = ""
        self._last_port = 0  # of all, the one that is opened last
        # An orderly shutdown takes 1 to 2 s and is about data that is thrown away here.
        self.stop_signal = SIGKILL if self._temporary else SIGTERM

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self._keys(),
            "AWS_DEFAULT_REGION": REGION,
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint_url,
            # What the caller's own environment would spoil. (AWS_CA_BUNDLE is for https only.)
            **({"AWS_SESSION_TOKEN": ""} if "AWS_SESSION_TOKEN" in os.environ else {}),
            **proxy_exceptions(),
        }

    def _keys(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def _free_port(self) -> int:
        return ports.free(last=LAST, also=GRPC)[0]

    def _plan(self) -> Launch:
        program = require("weed", "SeaweedFS", FROM_LOCK)
        self.access_key = secrets.token_hex(10)
        self.secret_key = secrets.token_hex(20)
        free = ports.free(len(SERVICES) + 1, last=LAST, also=GRPC)
        others = [port for port in free if port != self.port][: len(SERVICES)]
        chosen = {**dict(zip(SERVICES, others, strict=True)), "s3": self.port}
        self._last_port = chosen["admin"]
        arguments = (
            *("-logtostderr=true", "mini", "-dir=data", f"-bucket={self.bucket}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-{service}.port={port}" for service, port in chosen.items()),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
            "-master.telemetry=false",
            *(("-s3.iam.readOnly=false",) if self.iam else ()),
        )
        sockets = [f"/tmp/seaweedfs-{s}-grpc-{port + GRPC}.sock" for s, port in chosen.items()]
        sockets += [f"/tmp/seaweedfs-{s}-{chosen[s]}.sock" for s in ("s3", "filer")]
        return Launch(Command(program, arguments), leftovers=sockets)

    def _own_environment(self) -> dict[str, str]:
        return {**super()._own_environment(), **self._keys()}

    def _healthy(self) -> bool:
        """All services run, and the bucket can be written with the keys, and with nothing else."""
        path = f"/{self.bucket}/{PROBE}"
        return (
            http_probe.listens(self._last_port)
            and self._signed("PUT", path, self.secret_key) == 200
            and self._signed("DELETE", path, self.secret_key) == 204
            and self._signed("GET", f"/{self.bucket}", "wrong") == 403
            and http_probe.status(self.port, f"/{self.bucket}") == 403
        )

    def _signed(self, method: str, path: str, secret_key: str) -> int:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method, self.endpoint_url + path)
        request.context["payload_signing_enabled"] = False
        S3SigV4Auth(Credentials(self.access_key, secret_key), "s3", REGION).add_auth(request)
        return http_probe.status(self.port, path, method, dict(request.headers))
