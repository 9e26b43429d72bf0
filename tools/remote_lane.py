"""`make test-remote`: chapters run from a client of the server that env/server deploys.

    python -m tools.remote_lane [what pytest should run]

Without arguments: the parts of the book whose chapters log to the shared server. They see an https
address, a user's name and password and the file of the certificate, and no key of the store. What
they send without MLflow, by requests or curl, finds the same in the files such a machine has. And
they compute as an older processor would.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import certifi
from mlflow_lab import TeamServer

from tests.chapter_plugin.logged_to_server import PARTS
from tests.processors.blas_kernels import kernels

ROOT = Path(__file__).resolve().parents[1]
DROPPED = ("MLFLOW_", "AWS_")  # what the caller's shell may know of other servers and stores


def files_of_the_client(folder: Path, client: dict[str, str]) -> dict[str, str]:
    """Writes .netrc, .curlrc and a bundle of certificates; the variables that lead to them."""
    user, password = client["MLFLOW_TRACKING_USERNAME"], client["MLFLOW_TRACKING_PASSWORD"]
    netrc, bundle = folder / ".netrc", folder / "certificates.pem"
    netrc.touch(0o600)
    netrc.write_text(f"machine 127.0.0.1 login {user} password {password}\n")
    (folder / ".curlrc").write_text(f'netrc-file = "{netrc}"\n')
    trusted = Path(os.environ.get("REQUESTS_CA_BUNDLE", certifi.where())).read_text()
    bundle.write_text(trusted + Path(client["MLFLOW_TRACKING_SERVER_CERT_PATH"]).read_text())
    names = {"NETRC": netrc, "CURL_HOME": folder}
    names |= {"REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle}
    return {name: str(path) for name, path in names.items()}


def run_chapters(client: dict[str, str], what: list[str]) -> int:
    """Exit code of pytest over `what`, with the variables of a client and nothing of ours."""
    command = [sys.executable, "-m", "pytest", "--nbmake", *what]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED)}
    with tempfile.TemporaryDirectory() as folder:
        environment = inherited | client | files_of_the_client(Path(folder), client)
        if others := kernels():
            environment["OPENBLAS_CORETYPE"] = others[0]
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main(what: list[str]) -> int:
    folders = [f"notebooks/{part}" for part in PARTS if (ROOT / "notebooks" / part).is_dir()]
    started = time.monotonic()
    with TeamServer(quiet=True) as team:
        print(f"remote server: {team.uri}, after {time.monotonic() - started:.0f} s", flush=True)
        # The administrator: chapters make webhooks, and name stores that are not the server's.
        return run_chapters(team.environment(), what or ["-n", "auto", *folders])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
