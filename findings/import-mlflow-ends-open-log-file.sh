#!/usr/bin/env bash
# A log file opened with mode "w" before `import mlflow` gets no line after it.
#
# Versions: mlflow-skinny 3.6.0, Python 3.11 to 3.13.
# Guess before the run: the import adds handlers to MLflow's own logger and leaves those of the
# program alone, since it configures with disable_existing_loggers=False.
# Behaviour: dictConfig closes all handlers of the process all the same. A file of mode "a" is
# opened again by the next line; one of mode "w" is not, so that nothing is overwritten, and each
# line is dropped without a word. MLFLOW_CONFIGURE_LOGGING=false leaves the handlers open.
# Output seen (2026-11-30):
#   mode a: before, after
#   mode w: before
#   mode w, MLFLOW_CONFIGURE_LOGGING=false: before, after
# Source: 3.6.0, mlflow/utils/logging_utils.py, `_configure_mlflow_loggers`; CPython,
# logging/config.py, `_clearExistingHandlers`, and logging/__init__.py, `FileHandler.emit`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0

cat >program.py <<'PY'
import logging
import sys
from pathlib import Path

name, mode = sys.argv[1:]
own = logging.getLogger("program")
own.addHandler(logging.FileHandler("own.log", mode=mode))
own.warning("before")

import mlflow

own.warning("after")
print(f"{name}:", ", ".join(Path("own.log").read_text().split()))
Path("own.log").unlink()
PY

{
  env/bin/python program.py "mode a" a
  env/bin/python program.py "mode w" w
  MLFLOW_CONFIGURE_LOGGING=false \
    env/bin/python program.py "mode w, MLFLOW_CONFIGURE_LOGGING=false" w
} 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
mode a: before, after
mode w: before
mode w, MLFLOW_CONFIGURE_LOGGING=false: before, after
TXT
