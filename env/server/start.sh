#!/bin/sh
# Starts one replica of the server in the foreground: the one place of its options. compose.yaml,
# kubernetes/, mlflow@.service and the tests run this file. Settings come from the environment, see
# .env.example; MLFLOW_HOST and MLFLOW_PORT say where it listens (default 127.0.0.1:5000). With
# WATCHDOG set it ends when it no longer answers, for what starts it again. Writes basic_auth.ini,
# team_server-1.dist-info/ and metrics/ into the current directory. Further options are passed on.
set -eu
umask 077
: "${MLFLOW_SERVER_ALLOWED_HOSTS:?is empty}"
: "${MLFLOW_BACKEND_STORE_URI:?is empty}"
: "${MLFLOW_ARTIFACTS_DESTINATION:?is empty}"
: "${MLFLOW_FLASK_SERVER_SECRET_KEY:?is empty}"
: "${MLFLOW_AUTH_ADMIN_PASSWORD:?is empty}"
# These may be missing, where the machine has a role or the store is AWS's. Empty, they were forgotten.
for name in MLFLOW_S3_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
  [ "$(printenv "$name" || echo missing)" ] || { echo "$0: $name: is empty" >&2 && exit 2; }
done
here=$(cd "$(dirname "$0")" && pwd)
# application.py, authentication.py and permissions.py; then what prepare.py writes for --app-name.
export PYTHONPATH="$here:$PWD"
export MLFLOW_AUTH_CONFIG_PATH="$PWD/basic_auth.ini"
rm -rf metrics # numbers of processes that are gone

# In the background: as the first process of a container, sh would not end by SIGTERM before it does.
python "$here/prepare.py" &
trap 'kill "$!"; exit 0' TERM
wait "$!"

watch=
if [ "${WATCHDOG:-}" ]; then
  python "$here/watch.py" "$$" &
  watch=$!
fi
end_watch() { [ -z "$watch" ] || kill "$watch" 2>/dev/null || true; }

# SIGTERM is for uvicorn, which finishes the requests it has. `mlflow server` would die of it at once,
# so it ignores it (what is ignored here stays ignored there) and ends with uvicorn.
trap '' TERM
# A worker that loads on a busy machine is silent for longer than the 5 s after which uvicorn would
# kill it, to start the next one.
mlflow server --app-name team-server --expose-prometheus metrics \
  --uvicorn-opts "--timeout-graceful-shutdown 30 --timeout-worker-healthcheck 60" "$@" &
server=$!
stopping=
trap 'stopping=1; trap "" TERM; end_watch; kill -TERM 0' TERM # to the whole process group
code=0
wait "$server" || code=$?
if [ "$stopping" ]; then # the signal ended that wait, not the server
  code=0
  wait "$server" || code=$?
fi
end_watch
exit "$code"
