#!/bin/sh
# Starts one replica of the server in the foreground: the one place of its options. compose.yaml,
# kubernetes/, mlflow@.service and the tests run this file. Settings come from the environment, see
# .env.example; MLFLOW_HOST and MLFLOW_PORT say where it listens (default 127.0.0.1:5000). Writes
# basic_auth.ini and metrics/ into the current directory. Further options are passed on.
set -eu
umask 077
: "${MLFLOW_SERVER_ALLOWED_HOSTS:?is empty}"
: "${MLFLOW_BACKEND_STORE_URI:?is empty}"
: "${MLFLOW_ARTIFACTS_DESTINATION:?is empty}"
: "${MLFLOW_FLASK_SERVER_SECRET_KEY:?is empty}"
: "${MLFLOW_AUTH_ADMIN_PASSWORD:?is empty}"
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here" # authentication.py
export MLFLOW_AUTH_CONFIG_PATH="$PWD/basic_auth.ini"
rm -rf metrics # numbers of processes that are gone

python "$here/prepare.py"

# SIGTERM is for uvicorn, which finishes the requests it has. `mlflow server` would die of it at once,
# so it ignores it (what is ignored here stays ignored there) and ends with uvicorn.
trap '' TERM
mlflow server --app-name basic-auth --expose-prometheus metrics \
  --uvicorn-opts "--timeout-graceful-shutdown 30" "$@" &
server=$!
stopping=
trap 'stopping=1; trap "" TERM; kill -TERM 0' TERM # to the whole process group
code=0
wait "$server" || code=$?
if [ "$stopping" ]; then # the signal ended that wait, not the server
  code=0
  wait "$server" || code=$?
fi
exit "$code"
