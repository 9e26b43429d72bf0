#!/usr/bin/env bash
# After log_metric(nan), log_model of the same run fails with "UNIQUE constraint failed".
#
# Versions: mlflow-skinny 3.6.0, pandas 2.3.3, NumPy 2.3.5, SQLAlchemy 2.0.45, Python 3.11 to 3.13.
# Guess before the run: NaN is a value that the store takes and gives back, and storing a model has
# nothing to do with the run's metrics; a bad loss does not keep the weights from being saved.
# Behaviour: when its files are up, log_model logs the run's metrics of its step (0 by default) once
# more, now for the model. The store passes over rows that it has, by comparing values; NaN equals
# nothing, so it inserts the row again and the table's primary key refuses. The model ends as
# FAILED. Infinity is stored as the largest float, and passes.
# Output seen (2026-11-30):
#   loss 0.5: model is READY
#   loss inf: model is READY
#   loss nan: UNIQUE constraint failed: metrics, model is FAILED
# Source: 3.6.0, mlflow/models/model.py, `log_model_metrics_for_step`;
# mlflow/store/tracking/sqlalchemy_store.py, `_log_metrics`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 pandas==2.3.3 numpy==2.3.5 sqlalchemy==2.0.45 alembic==1.17.2

cat >model.py <<'PY'
import re

import mlflow


class Identity(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


mlflow.set_tracking_uri("sqlite:///runs.db")
for loss in (0.5, float("inf"), float("nan")):
    message = ""
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", loss)
        try:
            mlflow.pyfunc.log_model(name="model", python_model=Identity(), pip_requirements=[])
        except mlflow.MlflowException as error:
            message = re.search(r"UNIQUE constraint failed: \w+", str(error))[0] + ", "
    [model] = mlflow.search_logged_models(
        filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list"
    )
    print(f"loss {loss}: {message}model is {model.status}")
PY

env/bin/python model.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
loss 0.5: model is READY
loss inf: model is READY
loss nan: UNIQUE constraint failed: metrics, model is FAILED
TXT
