#!/usr/bin/env bash
# Over HTTP, log_image with a slash in its key keeps one file of all steps.
#
# Versions: mlflow-skinny 3.6.0 with what its server needs (Flask 3.1.2, SQLAlchemy 2.0.45), Pillow
# 12.0.0, NumPy 2.3.5, Python 3.11 to 3.13.
# Guess before the run: the slash is replaced so that each call can be one file of its own, so
# key="val/sample" keeps an image and a preview for every step, on a server as in a folder.
# Behaviour: the slash becomes `#`, and the client puts the name unquoted into the address of the
# upload. All behind `#` is a fragment that HTTP does not send, so the three images and the three
# previews are one file, `images/val`, each written over the one before. No call fails or warns.
# Output seen (2026-11-30):
#   folder: 6 files: images/val#sample, steps 0 1 2
#   server: 1 files: images/val, steps
# Source: 3.6.0, mlflow/tracking/client.py, `log_image`;
# mlflow/store/artifact/http_artifact_repo.py, `log_artifact`.
set -euo pipefail
set -m # a process group for the server and its worker

folder=$(mktemp -d)
server=
stop() {
  [ -z "$server" ] || { kill -- "-$server" && wait "$server"; } 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true
python3 -m venv env
export PATH="$folder/env/bin:$PATH"
pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0 \
  numpy==2.3.5 pillow==12.0.0 pandas==2.3.3 sqlalchemy==2.0.45 alembic==1.17.2 \
  flask==3.1.2 flask-cors==6.0.1 graphene==3.4.3 huey==2.5.5

port=$(python -c '
import socket
print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
mlflow server --backend-store-uri sqlite:///runs.db --artifacts-destination stored \
  --workers 1 --host 127.0.0.1 --port "$port" >server.log 2>&1 &
server=$!

cat >images.py <<'PY'
import sys

import mlflow
import numpy as np

name, uri = sys.argv[1:]
mlflow.set_tracking_uri(uri)
with mlflow.start_run() as run:
    for step in range(3):
        image = np.full((8, 8, 3), step, "uint8")
        mlflow.log_image(image, key="val/sample", step=step, synchronous=True)
files = [f.path for f in mlflow.MlflowClient().list_artifacts(run.info.run_id, "images")]
parts = [file.split("%") for file in files]
steps = sorted({part[2] for part in parts if len(part) > 1})
print(f"{name}: {len(files)} files: {parts[0][0]}, steps", *steps)
PY

python images.py folder "$folder/runs" 2>log >seen || { cat log; exit 1; }
until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  kill -0 "$server" || { cat server.log; exit 1; }
  sleep 1
done
python images.py server "http://127.0.0.1:$port" 2>log >>seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
folder: 6 files: images/val#sample, steps 0 1 2
server: 1 files: images/val, steps
TXT
