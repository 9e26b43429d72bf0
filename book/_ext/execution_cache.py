"""The cache of executed chapters: the tests fill it, the build of the book reads it.

It is a jupyter-cache, which finds an executed notebook by the hash of its code cells, plus one
file with the digest of everything else that an output depends on (requirements.txt and env/).
"""

import hashlib
import sys
from datetime import datetime
from pathlib import Path

import nbformat
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

_DERIVED = {"__pycache__", ".pytest_cache", ".ruff_cache"}


def digest_of_inputs(root: Path) -> str:
    """Digest of what every output depends on: Python's version, requirements.txt and env/."""
    digest = hashlib.sha256(f"{sys.version_info.major}.{sys.version_info.minor}".encode())
    sources = [root / "requirements.txt", *sorted((root / "env").rglob("*"))]
    for path in sources:
        parts = path.relative_to(root).parts
        derived = any(part in _DERIVED or part.endswith(".egg-info") for part in parts)
        if path.is_file() and not derived:
            digest.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


class ExecutionCache:
    """Executed chapters of the book whose sources are in the folder `root`."""

    def __init__(self, root: Path):
        self.root = root.resolve()
        self.folder = self.root / "_build" / ".jupyter_cache"
        self._digest_file = self.folder / "inputs.sha256"
        self._lock = FileLock(str(self.folder) + ".lock")

    @property
    def fresh(self) -> bool:
        """Whether the cache was filled with the requirements.txt and env/ of today."""
        if not self._digest_file.is_file():
            return False
        return self._digest_file.read_text() == digest_of_inputs(self.root)

    def prepare(self) -> None:
        """Empty the cache when requirements.txt or env/ changed since it was filled."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if not self.fresh:
                get_cache(str(self.folder)).clear_cache()
                self.folder.mkdir(exist_ok=True)
                self._digest_file.write_text(digest_of_inputs(self.root))

    def executed_at(self, notebook: Path) -> datetime | None:
        """When the code of this notebook was executed (UTC), or None if it has not been."""
        record = self._record(notebook)
        return record.created if record else None

    def seconds(self, notebook: Path) -> float | None:
        """Seconds the execution of this notebook took, or None if it has not been executed."""
        record = self._record(notebook)
        return record.data["execution_seconds"] if record else None

    def executed(self, notebook: Path) -> nbformat.NotebookNode | None:
        """The notebook with the outputs of its execution, or None if it has not been executed."""
        if not self._record(notebook):
            return None
        source = nbformat.read(notebook, as_version=4)
        return get_cache(str(self.folder)).merge_match_into_notebook(source)[1]

    def store(self, notebook: Path, executed: nbformat.NotebookNode, seconds: float) -> None:
        """Keep the outputs of a notebook whose execution took `seconds`."""
        for cell in executed.cells:
            # nbmake records timings here; the hash covers cell metadata and would never match.
            cell.metadata.pop("execution", None)
        bundle = CacheBundleIn(executed, str(notebook), data={"execution_seconds": seconds})
        with self._lock:
            cache = get_cache(str(self.folder))
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)

    def _record(self, notebook: Path):
        if not self.fresh:
            return None
        try:
            source = nbformat.read(notebook, as_version=4)
            return get_cache(str(self.folder)).match_cache_notebook(source)
        except KeyError:
            return None
