"""`make lab` and `make server`: a tracking server whose data stay in _build/server, and JupyterLab.

The environment variable PORT chooses the server's port (default 5000).
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from dotenv import dotenv_values
from mlflow_lab import LabError, TrackingServer

ROOT = Path(__file__).resolve().parents[2]


def main(what: str) -> int:
    folder = ROOT / "_build" / "server"
    folder.mkdir(parents=True, exist_ok=True)
    with TrackingServer(port=int(os.environ.get("PORT", 5000)), folder=folder) as server:
        print(f"MLflow: {server.uri} (data: _build/server; Ctrl+C ends it)", flush=True)
        if what == "server":
            while server.running:
                time.sleep(1)
            sys.exit(f"the server ended:\n{server.log_tail()}")
        kernel = dotenv_values(ROOT / "env" / "kernel" / "kernel.env")
        given = {name: value for name, value in kernel.items() if value is not None}
        environment = os.environ | given | {"MLFLOW_TRACKING_URI": server.uri}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(ROOT / "notebooks")]
        return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except LabError as error:
        sys.exit(f"{error}\nAnother port: make {sys.argv[1]} PORT=5001")
    except KeyboardInterrupt:
        sys.exit(0)
