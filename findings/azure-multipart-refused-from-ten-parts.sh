#!/usr/bin/env bash
# Proxied multipart upload to Azure works up to nine parts and is refused from the tenth on.
#
# Versions: mlflow-skinny 3.6.0 with what its server needs (Flask 3.1.2, SQLAlchemy 2.0.45),
# azure-storage-blob 12.27.1, Azurite 3.35.0 (npm), Python 3.11 to 3.13.
# Guess before the run: as on S3, the number of parts does not matter below the store's own limit,
# which is 50,000 blocks on Azure.
# Behaviour: MLflow names the blocks mlflow_block_1 to mlflow_block_N, and Azure takes only names of
# one length within a blob. Parts go up at the same time; the first that differs in length from
# those before it gets 400, and with it the upload is given up and nothing is stored. With the
# default sizes a file that is split has 50 parts at least, so without other sizes no such upload
# works.
# Output seen (2026-11-30):
#   9 parts: stored, 9216 bytes
#   10 parts: InvalidBlobOrBlock, nothing stored
# Source: 3.6.0, mlflow/store/artifact/azure_blob_artifact_repo.py, `create_multipart_upload`; the
# parameter blockid in Azure's reference of Put Block.
set -euo pipefail
set -m # a process group for each server

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
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true
npm install --prefix azurite --silent --no-audit --no-fund azurite@3.35.0
python3 -m venv env
export PATH="$folder/env/bin:$PATH"
pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0 \
  azure-storage-blob==12.27.1 pandas==2.3.3 numpy==2.3.5 sqlalchemy==2.0.45 alembic==1.17.2 \
  flask==3.1.2 flask-cors==6.0.1 graphene==3.4.3 huey==2.5.5

read -r azure mlflow < <(python -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
key=$(python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')
await() { # port, process, its log
  until (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    kill -0 "$2" || { cat "$3"; exit 1; }
    sleep 1
  done
}

AZURITE_ACCOUNTS="lab:$key" node azurite/node_modules/azurite/dist/src/blob/main.js \
  --blobHost 127.0.0.1 --blobPort "$azure" --location blobs --disableTelemetry \
  --skipApiVersionCheck >azurite.log 2>&1 &
servers+=($!)
await "$azure" $! azurite.log

account="DefaultEndpointsProtocol=http;AccountName=lab;AccountKey=$key"
export AZURE_STORAGE_CONNECTION_STRING="$account;BlobEndpoint=http://127.0.0.1:$azure/lab;"
python -c '
import os
from azure.storage.blob import BlobServiceClient
connection = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
BlobServiceClient.from_connection_string(connection).create_container("files")'
mlflow server --backend-store-uri sqlite:///runs.db --workers 1 --host 127.0.0.1 --port "$mlflow" \
  --artifacts-destination wasbs://files@lab.blob.core.windows.net/mlflow >server.log 2>&1 &
servers+=($!)
await "$mlflow" $! server.log

cat >upload.py <<'PY'
from pathlib import Path

from mlflow import MlflowClient

PART = 1024  # bytes, MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE below

client = MlflowClient()
run_id = client.create_run("0").info.run_id
for parts in (9, 10):
    name = f"{parts}.bin"
    Path(name).write_bytes(bytes(parts * PART))
    outcome = "stored"
    try:
        client.log_artifact(run_id, name)
    except Exception as error:
        outcome = "InvalidBlobOrBlock" if "InvalidBlobOrBlock" in str(error) else repr(error)
    sizes = {file.path: file.file_size for file in client.list_artifacts(run_id)}
    size = f"{sizes[name]} bytes" if name in sizes else "nothing stored"
    print(f"{parts} parts: {outcome}, {size}")
PY

export MLFLOW_TRACKING_URI="http://127.0.0.1:$mlflow" MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true
export MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=1024 MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=1024
python upload.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
9 parts: stored, 9216 bytes
10 parts: InvalidBlobOrBlock, nothing stored
TXT
