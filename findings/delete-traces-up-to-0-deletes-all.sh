#!/usr/bin/env bash
# delete_traces with max_timestamp_millis=0 deletes every trace of the experiment, not none.
#
# Versions: mlflow-skinny 3.6.0, SQLAlchemy 2.0.44, Alembic 1.17.2, pandas 2.3.3, Python 3.11 to 3.13.
# Guess before the run: by the docstring ("traces older than or equal to this timestamp will be
# deleted") nothing is as old as 1970, so 0 deletes none, as 1 does; by the source, all.
# Behaviour: the check that one of the two criteria was given asks `is None`, the filter asks for a
# true value. 0 passes the first and adds no condition to the second. A retention job whose cutoff
# comes out as 0 empties the experiment, and traces cannot be restored. The same over HTTP.
# Output seen (2026-11-30):
#   up to 1: 0 deleted, 3 left
#   up to 0: 3 deleted, 0 left
# Source: mlflow/store/tracking/abstract_store.py of 3.6.0, `delete_traces`;
# mlflow/store/tracking/sqlalchemy_store.py, `_delete_traces`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI=sqlite:///mlflow.db
python3 -m venv env
env/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 sqlalchemy==2.0.44 alembic==1.17.2 pandas==2.3.3

cat >traces.py <<'PY'
import mlflow

client = mlflow.MlflowClient()
for name in ("a", "b", "c"):
    client.end_trace(client.start_trace(name, experiment_id="0").trace_id)
for cutoff in (1, 0):
    deleted = client.delete_traces("0", max_timestamp_millis=cutoff)
    print(f"up to {cutoff}: {deleted} deleted, {len(client.search_traces(locations=['0']))} left")
PY

env/bin/python traces.py 2>log >seen || { cat log >&2; exit 1; }
cat seen
diff seen - <<'TXT'
up to 1: 0 deleted, 3 left
up to 0: 3 deleted, 0 left
TXT
