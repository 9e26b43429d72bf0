"""A small book in a folder of its own, run by the real pipeline: for proving its gates."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


class SmallBook:
    """Chapters written by a test, beside the real conftest.py, tests/, env/ and extensions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("conftest.py", "tests", "book"):
            (folder / name).symlink_to(ROOT / name)
        for name in ("pyproject.toml", "requirements.txt", "_config.yml", "Makefile"):
            shutil.copy(ROOT / name, folder)
        # Copied, not linked: an edit of env/ while this runs would empty the cache.
        shutil.copytree(ROOT / "env", folder / "env")
        self._listed: list[str] = []

    def add(self, name: str, *cells: str | NotebookNode, listed: bool = True) -> Path:
        """Write notebooks/`name`.ipynb; a cell given as str is code."""
        nodes = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        notebook = new_notebook(cells=[new_markdown_cell("# Title"), *nodes], metadata=KERNEL)
        path = self.folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        if listed:
            self.list(name)
        return path

    def list(self, name: str) -> None:
        """Add a chapter to _toc.yml, unless it is there."""
        if name not in self._listed:
            self._listed.append(name)
        root, *others = [f"notebooks/{name}" for name in self._listed]
        toc: dict[str, object] = {"format": "jb-book", "root": root}
        if others:
            chapters = [{"file": document} for document in others]
            toc["parts"] = [{"caption": "Part", "chapters": chapters}]
        (self.folder / "_toc.yml").write_text(yaml.safe_dump(toc))

    def pytest(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Run pytest --nbmake as a reader would, in a fresh process."""
        return self._run(sys.executable, "-m", "pytest", "--nbmake", *arguments, **environment)

    def build(self) -> subprocess.CompletedProcess:
        """Build the site with the flags of `make site`."""
        program = str(Path(sys.executable).parent / "jupyter-book")
        return self._run(program, "build", ".", "--warningiserror", "--keep-going")

    def make(self, *targets: str) -> subprocess.CompletedProcess:
        """Run make with the environment that the tests run in."""
        marks = ("-o", ".venv/.python", "-o", ".venv/.ready")
        assume_set_up = (*marks, f"BIN={Path(sys.executable).parent}")
        return self._run("make", *targets, *assume_set_up)

    def _run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not re.match("MLFLOW_TRACKING_URI|PYTEST_|HANDBOOK_|MAKE|MFLAGS", name)
        }
        return subprocess.run(
            command,
            cwd=self.folder,
            env=inherited | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )


def tagged(code: str, *tags: str) -> NotebookNode:
    """A code cell with tags."""
    return new_code_cell(code, metadata={"tags": list(tags)})
