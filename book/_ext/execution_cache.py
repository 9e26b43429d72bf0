"""The cache of executed chapters: the tests fill it, the build of the book reads it.

It is a jupyter-cache, which finds an executed notebook by the hash of its code cells. Beside each
execution stands the digest of everything that it depended on (chapter_inputs); when that changed,
the execution counts as missing.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

import nbformat
from chapter_inputs import digest_of_chapter, digest_of_shared_inputs
from filelock import FileLock
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import NbCacheRecord

KEPT = 3  # executions of a chapter: to take an edit back executes nothing


class ExecutionCache:
    """Executed chapters of the book whose sources are in the folder `root`.

    One object sees the shared inputs of the moment when they were first asked for.
    """

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        self.root = root.resolve()
        self.folder = folder or self.root / "_build" / ".jupyter_cache"
        self._failures = self.folder / "failures"
        self._lock = FileLock(str(self.folder) + ".lock")

    def inputs(self, notebook: Path) -> str:
        """Digest of what the outputs of this notebook depend on, its own code included."""
        return digest_of_chapter(notebook.resolve(), self.root, self._shared_inputs)

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
        return self._cache.merge_match_into_notebook(source)[1]

    def failure(self, notebook: Path) -> str | None:
        """Why this code did not pass when it was last executed; None if it passed or never was."""
        try:
            inputs, _, reason = self._failure_file(notebook).read_text().partition("\n")
        except FileNotFoundError:
            return None
        return reason if inputs == self.inputs(notebook) else None

    def store_failure(self, notebook: Path, reason: str, inputs: str) -> None:
        """Keep why a notebook did not pass, for its page, until it passes.

        `inputs` is what `inputs()` returned before the execution.
        """
        file = self._failure_file(notebook)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{inputs}\n{reason}")

    def store(
        self, notebook: Path, executed: nbformat.NotebookNode, seconds: float, inputs: str
    ) -> None:
        """Keep the outputs of a notebook whose execution took `seconds`.

        `inputs` is what `inputs()` returned before the execution.
        """
        for cell in executed.cells:
            # nbmake records timings here; the hash covers cell metadata and would never match.
            cell.metadata.pop("execution", None)
        data = {"execution_seconds": seconds, "inputs": inputs}
        bundle = CacheBundleIn(executed, self._name(notebook), data=data)
        with self._lock:
            self._cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            self._forget()
        self._failure_file(notebook).unlink(missing_ok=True)

    def take_over(self, other: "ExecutionCache", notebooks: Iterable[Path]) -> None:
        """Keep what another cache of this book knows of the notebooks as they are now."""
        for notebook in notebooks:
            executed, reason = other.executed(notebook), other.failure(notebook)
            if executed and (seconds := other.seconds(notebook)) is not None:
                self.store(notebook, executed, seconds, self.inputs(notebook))
            elif reason:
                self.store_failure(notebook, reason, self.inputs(notebook))

    def _forget(self) -> None:
        """Remove what no page can need: older executions, and all of chapters that are gone."""
        executions: dict[str, list] = {}
        for record in sorted(self._cache.list_cache_records(), key=lambda record: record.accessed):
            executions.setdefault(record.uri, []).append(record)
        for name, records in executions.items():
            for record in records[:-KEPT] if (self.root / name).is_file() else records:
                with suppress(KeyError):  # its file is gone already
                    self._cache.remove_cache(record.pk)
        for file in self._failures.rglob("*.ipynb"):
            if not (self.root / file.relative_to(self._failures)).is_file():
                file.unlink(missing_ok=True)

    @cached_property
    def _shared_inputs(self) -> str:
        return digest_of_shared_inputs(self.root)

    @property
    def _cache(self) -> JupyterCacheAbstract:
        return get_cache(str(self.folder))

    def _name(self, notebook: Path) -> str:
        return notebook.resolve().relative_to(self.root).as_posix()

    def _failure_file(self, notebook: Path) -> Path:
        return self._failures / self._name(notebook)

    def _record(self, notebook: Path) -> NbCacheRecord | None:
        try:
            source = nbformat.read(notebook, as_version=4)
            record = self._cache.match_cache_notebook(source)
        except KeyError:
            return None
        return record if record.data.get("inputs") == self.inputs(notebook) else None
