#!/usr/bin/env bash
# After its SSH connections are lost, the sftp:// artifact store lists no files and raises nothing.
#
# Versions: mlflow-skinny 3.6.0, pysftp 0.2.9, paramiko 3.5.1, asyncssh 2.24.1, Python 3.11.
# Guess before the run: the store connects again, or list_artifacts and delete_artifacts raise.
# Behaviour: the store never connects again. pysftp's isdir and isfile take the OSError of a closed
# socket for "there is no such folder", and the store answers that with an empty list, or deletes
# nothing and returns. A tracking server with such a destination answers 200 in both cases until it
# is started anew, and `mlflow gc` through it drops the rows of files that stay. Uploads do fail.
# Output seen (2026-12-01):
#   before: ['note.txt']
#   after, list_artifacts: []
#   after, delete_artifacts: None
#   on the server: ['note.txt']
#   a new store lists: ['note.txt']
# Source: 3.6.0, mlflow/store/artifact/sftp_artifact_repo.py; pysftp 0.2.9, `Connection.isdir`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export HOME="$folder" MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 pysftp==0.2.9 paramiko==3.5.1 asyncssh==2.24.1

cat >server.py <<'PY'
import asyncio
import sys

import asyncssh


class Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("mlflow", "secret")


async def main() -> None:
    server = await asyncssh.listen(
        "127.0.0.1",
        int(sys.argv[1]),
        server_factory=Login,
        server_host_keys=["host_key"],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot="files"),
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


asyncio.run(main())
PY

cat >lost.py <<'PY'
import subprocess
import sys
import threading
from pathlib import Path

import asyncssh
import paramiko
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

key = asyncssh.generate_private_key("ssh-ed25519")
key.write_private_key("host_key")
Path(".ssh").mkdir()
Path(".ssh/known_hosts").write_text(f"127.0.0.1 {key.export_public_key().decode()}")
Path("files").mkdir()
Path("note.txt").write_text("hello")


def serve(port: str = "0") -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "server.py", port]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    return server, server.stdout.readline().strip()


def names(store) -> list[str]:
    return [file.path for file in store.list_artifacts()]


server, port = serve()
try:
    store = get_artifact_repository(f"sftp://mlflow:secret@127.0.0.1:{port}/team")
    store.log_artifact("note.txt")
    for _ in range(store.max_workers):  # each of its connections once
        listed = names(store)
    print("before:", listed)
    server.kill()
    server.wait()
    for thread in threading.enumerate():
        if isinstance(thread, paramiko.Transport):
            thread.join()
    server, port = serve(port)
    print("after, list_artifacts:", names(store))
    print("after, delete_artifacts:", store.delete_artifacts())
    print("on the server:", [path.name for path in Path("files/team").iterdir()])
    print("a new store lists:", names(get_artifact_repository(store.artifact_uri)))
finally:
    server.kill()
    server.wait()
PY

env/bin/python lost.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
before: ['note.txt']
after, list_artifacts: []
after, delete_artifacts: None
on the server: ['note.txt']
a new store lists: ['note.txt']
TXT
