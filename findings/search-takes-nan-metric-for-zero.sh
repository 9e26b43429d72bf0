#!/usr/bin/env bash
# In a database, a run whose loss is NaN is found by `metrics.loss < 0.5`, and by `= 0`.
#
# Versions: mlflow-skinny 3.6.0, SQLAlchemy 2.0.45, Alembic 1.17.2, Python 3.11 to 3.13.
# Guess before the run: NaN compares false with every number, so a run that diverged is found by no
# condition on its loss, whatever the store.
# Behaviour: the SQL store keeps NaN as 0 with a flag beside it. Reading and sorting look at the
# flag, the conditions do not: they compare the 0. Sorting by the same metric puts the run last, so
# one query takes it for the best and another for the worst. A folder of files finds it with
# neither.
# Output seen (2026-11-30):
#   folder: loss < 0.5: converged
#   folder: loss = 0:
#   database: loss < 0.5: converged diverged
#   database: loss = 0: diverged
# Source: 3.6.0, mlflow/store/tracking/sqlalchemy_store.py, `sanitize_metric_value`,
# `_get_sqlalchemy_filter_clauses` and `_get_orderby_clauses`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 sqlalchemy==2.0.45 alembic==1.17.2

cat >search.py <<'PY'
from mlflow import MlflowClient

for store, uri in (("folder", "runs"), ("database", "sqlite:///runs.db")):
    client = MlflowClient(uri)
    experiment = client.create_experiment("training")
    for name, loss in (("converged", 0.1), ("poor", 0.9), ("diverged", float("nan"))):
        run = client.create_run(experiment, run_name=name)
        client.log_metric(run.info.run_id, "loss", loss)
    for condition in ("loss < 0.5", "loss = 0"):
        found = client.search_runs(
            [experiment], f"metrics.{condition}", order_by=["metrics.loss ASC"]
        )
        print(f"{store}: {condition}:", *(run.info.run_name for run in found))
PY

env/bin/python search.py 2>log | sed 's/ *$//' >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
folder: loss < 0.5: converged
folder: loss = 0:
database: loss < 0.5: converged diverged
database: loss = 0: diverged
TXT
