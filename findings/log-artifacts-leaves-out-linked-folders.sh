#!/usr/bin/env bash
# log_artifacts copies what a linked file holds, and leaves out all that a linked folder holds.
#
# Versions: mlflow-skinny 3.6.0, Python 3.11 to 3.13.
# Guess before the run: symbolic links are followed, to files and to folders alike, so everything
# that a user sees below the folder is logged.
# Behaviour: a link to a file is logged as the file. Of a link to a folder nothing is logged, or, in
# a run whose artifacts are a local folder, an empty folder. No call fails or warns.
# Output seen (2026-12-01):
#   in the folder: direct/b.txt linked-file.txt linked-folder/b.txt
#   logged: direct/b.txt linked-file.txt
#   linked-folder: 0 files
# Source: 3.6.0, mlflow/utils/file_utils.py, `shutil_copytree_without_file_permissions`, and
# mlflow/store/artifact/http_artifact_repo.py, `log_artifacts`: `os.walk` without `followlinks`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0

cat >links.py <<'PY'
import os
from pathlib import Path

import mlflow

data = Path("data")
(data / "direct").mkdir(parents=True)
(data / "direct" / "b.txt").write_text("x")
(data / "linked-file.txt").symlink_to("direct/b.txt")
(data / "linked-folder").symlink_to("direct")
seen = sorted(f"{Path(top).relative_to(data)}/{name}".removeprefix("./")
              for top, _, names in os.walk(data, followlinks=True) for name in names)
print("in the folder:", *seen)

mlflow.set_tracking_uri(Path("runs").resolve().as_uri())
with mlflow.start_run() as run:
    mlflow.log_artifacts(data)
kept = Path(mlflow.artifacts.download_artifacts(run.info.artifact_uri))
print("logged:", *sorted(str(p.relative_to(kept)) for p in kept.rglob("*") if p.is_file()))
print("linked-folder:", len(os.listdir(kept / "linked-folder")), "files")
PY

env/bin/python links.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
in the folder: direct/b.txt linked-file.txt linked-folder/b.txt
logged: direct/b.txt linked-file.txt
linked-folder: 0 files
TXT
