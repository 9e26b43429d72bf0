#!/usr/bin/env bash
# MlflowClient(A) uploads to server B when the process is set to B, and then lists the files of A.
#
# Versions: mlflow-skinny 3.6.0 with what its server needs (Flask 3.1.2, SQLAlchemy 2.0.45), Python
# 3.11 to 3.13.
# Guess before the run: a client that is given a tracking URI uses it for all that it does, so the
# files of a run on server A are on A, whatever set_tracking_uri says.
# Behaviour: the run is on A. Where a server proxies files, a run's artifact address has no host,
# and to upload, the client completes it with the URI of the process: the file goes to B, which
# takes it though it has no such run. To list, it takes its own URI and does not see the file that
# it has just stored. Nothing fails or warns.
# Output seen (2026-11-30):
#   run is on: A
#   file is on: B
#   client of A lists: nothing
# Source: 3.6.0, mlflow/tracking/_tracking_service/client.py, `_get_artifact_repo` and
# `list_artifacts`; https://github.com/mlflow/mlflow/issues/14931.
set -euo pipefail
set -m # a process group for each server and its worker

folder=$(mktemp -d)
servers=()
stop() {
  for server in "${servers[@]}"; do
    { kill -- "-$server" && wait "$server"; } 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap stop EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
export PATH="$folder/env/bin:$PATH"
pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0 \
  pandas==2.3.3 numpy==2.3.5 sqlalchemy==2.0.45 alembic==1.17.2 \
  flask==3.1.2 flask-cors==6.0.1 graphene==3.4.3 huey==2.5.5

read -r port_a port_b < <(python -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
serve() { # name, port
  mlflow server --backend-store-uri "sqlite:///$1.db" --artifacts-destination "$1" \
    --workers 1 --host 127.0.0.1 --port "$2" >"$1.log" 2>&1 &
  servers+=($!)
  until (: >"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do
    kill -0 "${servers[-1]}" || { cat "$1.log"; exit 1; }
    sleep 1
  done
}
serve A "$port_a"
serve B "$port_b"

cat >log.py <<'PY'
import sys
from pathlib import Path

import mlflow

a, b = sys.argv[1:]
mlflow.set_tracking_uri(b)
client = mlflow.MlflowClient(a)
run_id = client.create_run("0").info.run_id
client.log_text(run_id, "of a run on A", "note.txt")

runs = {"A": client.search_runs(["0"]), "B": mlflow.MlflowClient(b).search_runs(["0"])}
print("run is on:", *(name for name, found in runs.items() if found))
print("file is on:", *(name for name in "AB" if list(Path(name).rglob("note.txt"))))
files = [file.path for file in client.list_artifacts(run_id)] or ["nothing"]
print("client of A lists:", *files)
PY

local=http://127.0.0.1
python log.py "$local:$port_a" "$local:$port_b" 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
run is on: A
file is on: B
client of A lists: nothing
TXT
