"""env/server behind an OpenID Connect provider: that, nginx with TLS and one server with sso.py."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests
from mlflow_lab import Nginx, TrackingServer, ports
from mlflow_lab.certificate import self_signed
from mlflow_lab.component import Component, Launch
from mlflow_lab.http_probe import status
from mlflow_lab.programs import SET_UP, Command, require
from mlflow_lab.team_server import CERTIFICATE, FILES, KEY, proxy_configuration

SCRIPT = Path(__file__).with_name("stand_ins") / "oidc_provider.mjs"
PACKAGE = "oidc-provider@9.13.3"
PASSWORD = "only-for-the-day-it-is-down"
PATIENCE = 120  # seconds
SIGN = """
import base64, hashlib, hmac, json, sys, jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
claims, algorithm, file = sys.argv[1:]
[jwk] = json.load(open(file))["keys"]
key = jwt.PyJWK(jwk).key
public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
used = {"RS256": key, "HS256": bytes(32), "none": None}[algorithm]
tokens = [jwt.encode(c, used, algorithm, {"kid": jwk["kid"]}) for c in json.loads(claims)]
if algorithm == "HS256":  # PyJWT would not sign with a public key
    for index, token in enumerate(tokens):
        text = token.rpartition(".")[0]
        digest = hmac.new(public, text.encode(), hashlib.sha256).digest()
        tokens[index] = f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
print(json.dumps(tokens))
"""


class LoginProvider(Component):
    """The program of stand_ins/oidc_provider.mjs. Its keys outlive a stop, as its folder does.

    Args:
        mlflow: address of the server that its tokens are for.
        folder: where its package is installed and its files are.
    """

    title = "OpenID Connect provider"
    log_name = "provider.log"

    def __init__(self, mlflow: str, folder: Path, port: int) -> None:
        super().__init__(folder=folder, port=port, quiet=True)
        self.issuer = f"http://127.0.0.1:{port}"
        self._mlflow = mlflow

    def install(self) -> None:
        """Gets the package from npm."""
        npm = require("npm", "Node.js", SET_UP)
        options = ("--prefix", self.folder, "--silent", "--no-audit", "--no-fund")
        subprocess.run([npm, "install", *options, PACKAGE], check=True)

    def write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def _plan(self) -> Launch:
        node = require("node", "Node.js", SET_UP)
        command = Command(node, (SCRIPT.name, str(self.port), self._mlflow))
        return Launch(command, files={SCRIPT.name: SCRIPT.read_text()})

    def _healthy(self) -> bool:
        return status(self.port, "/jwks") == 200

    def token(self, client: str) -> str:
        """Of a program, by its client credentials; its secret is its name."""
        answer = requests.post(
            f"{self.issuer}/token",
            data={"grant_type": "client_credentials"},
            auth=(client, client),
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        return answer.json()["access_token"]


class SsoServer:
    """A context manager: all of it, with the users kim (ds), lee and boss (administrators)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        provider, server = (self._folder / name for name in ("provider", "server"))
        for folder in (provider, server):
            folder.mkdir()
        port, provider_port = ports.free(2)
        self.uri = f"https://127.0.0.1:{port}"
        self.provider = LoginProvider(self.uri, provider, provider_port)
        self.provider.install()
        self.provider.write("clients.json", self._clients())
        groups = {"kim": ["ds"], "boss": ["mlflow-admins"], "nightly": ["ds"], "lee": []}
        self.provider.write("groups.json", groups)
        with ExitStack() as stack:
            stack.enter_context(self.provider)
            self._install(server)
            self.server = stack.enter_context(
                TrackingServer(
                    *("--app-name", "basic-auth"),
                    folder=server,
                    environment=self._settings(),
                    quiet=True,
                )
            )
            files = dict(zip((KEY, CERTIFICATE), self_signed(), strict=True))
            self.proxy = Nginx(
                proxy_configuration([self.server]), files=files, port=port, quiet=True
            )
            stack.enter_context(self.proxy)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(
        self, method: str, path: str, token: str | None = None, **parts: Any
    ) -> requests.Response:
        """The answer to a request of a program."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= parts.pop("headers", {})
        return self._browser().request(
            method, self.uri + path, headers=headers, timeout=PATIENCE, **parts
        )

    def direct(self, method: str, uri: str, **parts: Any) -> requests.Response:
        """The answer to a request past nginx."""
        return self._browser().request(method, uri, timeout=PATIENCE, **parts)

    def log_in(self, name: str) -> "Browser":
        """A browser in which this user logged in."""
        return Browser(self.uri, self._browser(), name)

    def signed(self, *claims: dict, algorithm: str = "RS256") -> list[str]:
        """Tokens with these claims besides those that are right, by the provider's own key.

        With HS256 that is its public key, which everybody can read.
        """
        now = int(time.time())
        right = {"iss": self.provider.issuer, "aud": self.uri, "exp": now + 600, "sub": "kim"}
        wanted = [{k: v for k, v in (right | c).items() if v is not None} for c in claims]
        arguments = (json.dumps(wanted), algorithm, str(self.provider.folder / "keys.json"))
        command = [sys.executable, "-c", SIGN, *arguments]
        result = subprocess.run(
            command,
            cwd=self.server.folder,
            env=os.environ | {"PYTHONPATH": "."},
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(result.stdout)

    def _browser(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # or REQUESTS_CA_BUNDLE comes before what is said here
        session.verify = str(self.proxy.folder / CERTIFICATE)
        return session

    def _clients(self) -> list[dict]:
        program = {"grant_types": ["client_credentials"], "redirect_uris": [], "response_types": []}
        return [
            {
                "client_id": "mlflow",
                "client_secret": "of the pages: %+/",
                "grant_types": ["authorization_code"],
                "redirect_uris": [f"{self.uri}/oidc/callback"],
                "post_logout_redirect_uris": [f"{self.uri}/"],
            },
            *({"client_id": n, "client_secret": n, **program} for n in ("nightly", "boss", "lee")),
        ]

    def _install(self, folder: Path) -> None:
        for name in ("prepare.py", "authentication.py", "permissions.py", "sso.py"):
            shutil.copy(FILES / name, folder)
        # As start.sh has it written; prepare.py's main wants PostgreSQL.
        write = "prepare.write_auth_configuration(Path('basic_auth.ini'), 'sqlite:///users.db')"
        subprocess.run(
            [sys.executable, "-c", f"import prepare; from pathlib import Path; {write}"],
            cwd=folder,
            env=os.environ
            | {
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
                "MLFLOW_AUTH_DEFAULT_PERMISSION": "NO_PERMISSIONS",
                "MLFLOW_AUTH_FUNCTION": "sso:authenticate_request",
            },
            check=True,
        )
        lock = (FILES / "packages.lock").read_text()
        [package] = re.findall(r"^pyjwt==\S+", lock, re.MULTILINE)
        uv = Path(sys.executable).with_name("uv")
        options = ("--quiet", "--no-deps", "--target", folder)
        subprocess.run([uv, "pip", "install", *options, package], check=True)

    def _settings(self) -> dict[str, str]:
        return {
            "MLFLOW_AUTH_CONFIG_PATH": "basic_auth.ini",
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),
            "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*",
            "PYTHONPATH": ".",
            "OIDC_ISSUER": self.provider.issuer,
            "OIDC_CLIENT_ID": "mlflow",
            "OIDC_CLIENT_SECRET": "of the pages: %+/",
            "OIDC_AUDIENCE": self.uri,
            "OIDC_PUBLIC_URL": self.uri,
            "OIDC_SCOPE": "openid groups",
            "OIDC_ADMIN_GROUP": "mlflow-admins",
        }


class Browser:
    """As far as HTTP goes: it follows redirects and keeps cookies.

    Attributes:
        set_cookies: all that MLflow set, as it sent them.
    """

    def __init__(self, uri: str, session: requests.Session, name: str) -> None:
        self.uri, self.session = uri, session
        self.set_cookies: list[str] = []
        self.callback = ""
        session.hooks["response"].append(self._seen)
        page = self.get("/")
        form = page.text.partition('action="')[2].partition('"')[0]
        fields = {"prompt": "login", "login": name, "password": "any"}
        self.page = session.post(form, data=fields, headers=self._navigation, timeout=PATIENCE)

    _navigation = {"Accept": "text/html"}

    def get(self, path: str, **headers: str) -> requests.Response:
        sent = self._navigation | headers
        return self.session.get(self.uri + path, headers=sent, timeout=PATIENCE)

    def post(self, path: str, **headers: str) -> requests.Response:
        body = {"name": f"by a page {secrets.token_hex(4)}"}
        return self.session.post(self.uri + path, json=body, headers=headers, timeout=PATIENCE)

    def _seen(self, answer: requests.Response, *_: object, **__: object) -> None:
        if answer.url.startswith(self.uri):
            if "Set-Cookie" in answer.headers:
                self.set_cookies.append(answer.headers["Set-Cookie"])
            if "/oidc/callback" in answer.url and not self.callback:
                self.callback = answer.url.removeprefix(self.uri)
