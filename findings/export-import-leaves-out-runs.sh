#!/usr/bin/env bash
# mlflow-export-import moves a 3.6.0 server without an error, and without some runs, models and traces.
#
# Versions: mlflow-skinny 3.6.0 with what its server needs (Flask 3.1.2, SQLAlchemy 2.0.45), Python
# 3.11 to 3.13; mlflow-export-import 1.2.0 of PyPI, and its source at a1f5511 (2025-12-02), which
# calls itself 1.2.0 too and is what its README installs.
# Guess before the run: both leave out what 2.x did not have, and say so; all runs arrive.
# Behaviour: PyPI's knows no logged models and no traces. The source knows both, but stops at a run
# that has a logged model as its input, and the rest of that experiment is not imported; of a trace
# it wants the file traces.json, which 3.6.0 does not write. All commands end with exit code 0, and
# the report of import-all has no exceptions.
# Output seen (2026-12-01):
#                experiments  runs  logged models  traces
#   before                 3    10             10       4
#   PyPI                   3    10              0       0
#   source                 3     7              6       0
#   exit codes: 0 0 0 0
#   "exceptions": []
#   "exceptions": 0,
# Source: a1f5511, mlflow_export_import/experiment/import_experiment.py, `import_experiment`
# (model['step']), bulk/import_experiments.py, `_import_experiment`, trace/import_trace.py;
# https://github.com/mlflow/mlflow-export-import/issues/250.
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
install() { pip install --quiet --no-compile --disable-pip-version-check "$@"; }
install mlflow-skinny==3.6.0 pandas==2.3.3 numpy==2.3.5 sqlalchemy==2.0.45 alembic==1.17.2 \
  flask==3.1.2 flask-cors==6.0.1 graphene==3.4.3 huey==2.5.5 \
  setuptools==80.9.0 wheel==0.45.1 tabulate==0.9.0 databricks-cli==0.18.0
source=git+https://github.com/mlflow/mlflow-export-import@a1f5511e82b18d918772eb1f7a0d849100b444e3
install --no-deps --target PyPI mlflow-export-import==1.2.0
install --no-deps --no-build-isolation --target source "$source"

cat >fill.py <<'PY'
import mlflow
from mlflow.entities import LoggedModelInput, LoggedModelOutput

client = mlflow.MlflowClient()
for name in ("train", "score"):
    experiment = mlflow.set_experiment(name)
    models = []
    for number in range(5):
        run_id = client.create_run(experiment.experiment_id).info.run_id
        model = client.create_logged_model(experiment.experiment_id, "m", run_id)
        models.append(client.finalize_logged_model(model.model_id, "READY").model_id)
        client.log_outputs(run_id, [LoggedModelOutput(models[-1], 0)])
        if (name, number) == ("score", 3):
            client.log_inputs(run_id, models=[LoggedModelInput(models[0])])
        client.set_terminated(run_id)
    for _ in range(2):
        with mlflow.start_span("answer"):
            pass
mlflow.flush_trace_async_logging()
PY

serve() { # name; sets uri
  local port
  port=$(python -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as free:
    print(free.getsockname()[1])')
  mlflow server --backend-store-uri "sqlite:///$1.db" --artifacts-destination "files-$1" \
    --workers 1 --host 127.0.0.1 --port "$port" >"$1.log" 2>&1 &
  servers+=($!)
  until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "${servers[-1]}" || { cat "$1.log"; exit 1; }
    sleep 1
  done
  uri=http://127.0.0.1:$port
}
codes=""
bulk() { # package, server, module, options
  local code=0
  PYTHONPATH=$1 MLFLOW_TRACKING_URI=$2 python -m "mlflow_export_import.bulk.$3" "${@:4}" \
    >"$1-$3.log" 2>&1 || code=$?
  codes+=" $code"
}

serve before
before=$uri
MLFLOW_TRACKING_URI=$before python fill.py >fill.log 2>&1 || { cat fill.log; exit 1; }
for package in PyPI source; do
  bulk "$package" "$before" export_all --output-dir "exported-$package"
  serve "$package"
  # What the command import-all of each starts.
  importer=$([ "$package" = PyPI ] && echo import_models || echo import_all)
  bulk "$package" "$uri" "$importer" --input-dir "exported-$package"
done

cat >count.py <<'PY'
import sqlite3

tables = {"experiments": "experiments", "runs": "runs", "logged models": "logged_models",
          "traces": "trace_info"}
print(" " * 12, *tables, sep="  ")
for name in ("before", "PyPI", "source"):
    with sqlite3.connect(f"{name}.db") as db:
        counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                  for table in tables.values()]
    print(f"{name:12}", *(f"{n:>{len(column)}}" for column, n in zip(tables, counts)), sep="  ")
PY
{
  python count.py
  echo "exit codes:$codes"
  for log in PyPI-import_models.log source-import_all.log; do
    grep -m 1 '"exceptions"' "$log" | sed 's/^ *//; s/\[\],/[]/'
  done
} >seen
cat seen
diff seen - <<'TXT' || { tail -n 40 ./*-import_*.log; exit 1; }
              experiments  runs  logged models  traces
before                  3    10             10       4
PyPI                    3    10              0       0
source                  3     7              6       0
exit codes: 0 0 0 0
"exceptions": []
"exceptions": 0,
TXT
