#!/usr/bin/env bash
# Beside mlflow-skinny, infer_signature of a pandas frame needs SciPy, or it accepts anything.
#
# Versions: mlflow-skinny 3.6.0, pandas 2.3.3, NumPy 2.3.5, SciPy 1.16.3, Python 3.11 to 3.13.
# Guess before the run: the frame's columns and types are pandas' own, so the signature has them, or
# a missing library raises ImportError.
# Behaviour: the inference imports scipy.sparse, catches the error and goes on with one unnamed input
# of type any. The warning names neither SciPy nor an import; the cause is in the log level DEBUG
# alone. A model logged so lets every input through; with SciPy the same call has the columns.
# Output seen (2026-11-29):
#   without SciPy: [Any (required)]
#   with SciPy: ['age': long (required), 'bmi': double (required)]
# Source: mlflow/types/utils.py of 3.6.0, `_infer_schema`; mlflow/models/signature.py, `infer_signature`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
install() { env/bin/python -m pip install --quiet --no-compile --disable-pip-version-check "$@"; }

cat >signature.py <<'PY'
import sys

import pandas as pd
from mlflow.models import infer_signature

frame = pd.DataFrame({"age": [51, 62], "bmi": [23.5, 27.1]})
print(f"{sys.argv[1]} SciPy:", infer_signature(frame).inputs)
PY

install mlflow-skinny==3.6.0 pandas==2.3.3 numpy==2.3.5
env/bin/python signature.py without 2>log >seen
grep -q "Failed to infer schema for inputs" log
! grep -qi scipy log
install scipy==1.16.3
env/bin/python signature.py with 2>log >>seen
cat seen
diff seen - <<'TXT'
without SciPy: [Any (required)]
with SciPy: ['age': long (required), 'bmi': double (required)]
TXT
