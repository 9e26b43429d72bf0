#!/usr/bin/env bash
# With a signature, pyfunc hands the model a frame in another memory layout than the caller's.
#
# Versions: mlflow-skinny 3.6.0, pandas 2.3.3, NumPy 2.3.5, SciPy 1.16.3, Python 3.11 to 3.13.
# Guess before the run: `predict` checks the columns against the signature and passes the caller's
# frame on, so a loaded model predicts bit by bit what the model in memory does.
# Behaviour: the frame is built anew, column by column. Its array, row-major at the caller, is
# column-major in the model; without a signature it stays row-major. Values and types are equal.
# BLAS may sum another layout in another order, so the last digits of a linear model's prediction
# then differ on some processors and not on others: compare with a tolerance.
# Output seen (2026-11-29):
#   caller: row-major
#   model without a signature: row-major
#   model with a signature: column-major
# Source: mlflow/models/utils.py of 3.6.0, `_enforce_named_col_schema`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 pandas==2.3.3 numpy==2.3.5 scipy==1.16.3

cat >layout.py <<'PY'
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature


def layout(frame):
    return "row-major" if frame.to_numpy().flags["C_CONTIGUOUS"] else "column-major"


class Layout(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [layout(model_input)]


frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=["a", "b", "c"])
print("caller:", layout(frame))
for name, signature in (("without", None), ("with", infer_signature(frame))):
    mlflow.pyfunc.save_model(
        name, python_model=Layout(), signature=signature, pip_requirements=["pandas"]
    )
    loaded = mlflow.pyfunc.load_model(name)
    print(f"model {name} a signature:", *loaded.predict(frame))
PY

MLFLOW_DISABLE_TELEMETRY=true env/bin/python layout.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
caller: row-major
model without a signature: row-major
model with a signature: column-major
TXT
