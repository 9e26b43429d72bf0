"""Names that code uses and nothing before it defines."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def undefined_names(notebooks: Mapping[str, NotebookNode], folder: Path) -> dict[str, list[str]]:
    """By the key of a notebook, what ruff finds undefined in it; notebooks without are left out.

    All are written into `folder`, an empty one, because one ruff reads them in a second.
    """
    named = {}
    for number, (name, notebook) in enumerate(notebooks.items()):
        path = folder / f"{number}.ipynb"
        nbformat.write(notebook, path)
        named[path.name] = name
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select=F821"]
    done = subprocess.run(
        [*command, "--output-format=json", folder], capture_output=True, text=True
    )
    found: dict[str, set[str]] = {}
    for problem in json.loads(done.stdout):
        said = re.search("`(.+)`", problem["message"])
        name = said[1] if said else problem["message"]  # the second of what does not parse
        found.setdefault(named[Path(problem["filename"]).name], set()).add(name)
    return {name: sorted(names) for name, names in found.items()}
