"""A process that executes notebooks in kernels of its own kind, started warm.

OpenBLAS reads its variables when it is loaded. So kernels with other values cannot be forks of what
the tests start programs with; here the process that they are forks of has these values too.

Run as a module it reads lines of JSON, executes the notebook that each names, in place, and answers
with a line: what went wrong, or null.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
from mlflow_lab import warm_start
from nbclient import NotebookClient

from tests.chapter_plugin import kernel

ROOT = Path(__file__).resolve().parents[2]


class Executor:
    """The other end: starts the process with these variables besides ours."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processors.executor"],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def execute(self, notebook: nbformat.NotebookNode, folder: Path, cell_timeout: int) -> None:
        """Execute a notebook in a folder; its cells get their outputs. Raises what went wrong."""
        assert self._process.stdin is not None and self._process.stdout is not None  # both PIPE
        path = folder / "notebook.ipynb"
        nbformat.write(notebook, path)
        request = {"notebook": str(path), "folder": str(folder), "timeout": cell_timeout}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the process has ended"
        assert json.loads(answer) is None, json.loads(answer)
        notebook.cells = nbformat.read(path, as_version=4).cells

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what kernels print is no answer
    warm_start.begin(kernel.variables(ROOT))
    for line in sys.stdin:
        request = json.loads(line)
        notebook = nbformat.read(request["notebook"], as_version=4)
        problem = None
        try:
            with kernel.environment(ROOT):
                NotebookClient(notebook, timeout=request["timeout"]).execute(cwd=request["folder"])
        except Exception as error:  # of a cell, or of a kernel that did not start
            problem = f"{type(error).__name__}: {error}"
        nbformat.write(notebook, request["notebook"])
        print(json.dumps(problem), file=answers, flush=True)


if __name__ == "__main__":
    main()
