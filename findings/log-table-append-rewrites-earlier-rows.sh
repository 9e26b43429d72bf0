#!/usr/bin/env bash
# A second log_table changes the rows that the first one stored.
#
# Versions: mlflow-skinny 3.6.0, pandas 2.3.3, NumPy 2.3.5, Python 3.11 to 3.13.
# Guess before the run: a second call with the same file appends, and the rows that are there stay
# as they were written; types may at most be guessed anew by whoever reads the table.
# Behaviour: to append, the client reads the stored JSON with pandas, which guesses the types, and
# writes all rows back. Texts made of digits have become numbers in the store: "007" is 7, and no
# reader gets the zeros back. The new rows keep theirs until the next call turns them too, unless a
# text that is no number is among the rows: it keeps the column as it is from then on.
# Output seen (2026-11-30):
#   after call 1: ["007"]
#   after call 2: [7,"008"]
#   after call 3: [7,8,"A09"]
#   after call 4: [7,8,"A09","010"]
#   after call 5: [7,8,"A09","010","011"]
# Source: 3.6.0, mlflow/tracking/client.py, `log_table` and `_read_from_file`; pandas, `read_json`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 pandas==2.3.3 numpy==2.3.5

cat >table.py <<'PY'
import json

import mlflow

mlflow.set_tracking_uri("runs")
with mlflow.start_run():
    for call, identifier in enumerate(("007", "008", "A09", "010", "011"), start=1):
        mlflow.log_table({"id": [identifier]}, "table.json")
        rows = json.loads(mlflow.artifacts.load_text(mlflow.get_artifact_uri("table.json")))["data"]
        print(f"after call {call}:", json.dumps([i for [i] in rows], separators=(",", ":")))
PY

MLFLOW_DISABLE_TELEMETRY=true env/bin/python table.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
after call 1: ["007"]
after call 2: [7,"008"]
after call 3: [7,8,"A09"]
after call 4: [7,8,"A09","010"]
after call 5: [7,8,"A09","010","011"]
TXT
