"""What a chapter left behind: processes, ports, files outside its work folder."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Container
from pathlib import Path

import psutil
from mlflow_lab.patience import patience

from tests.chapter_plugin.kernel import MARKER

# Seconds on an idle machine; mlflow_lab's guards stop their components within this time of a
# kernel's end.
GRACE = 15
MOST_FILES = 10  # named in a report
_DERIVED = ("__pycache__", ".ipynb_checkpoints", "node_modules")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Snapshot:
    """The state before a chapter runs, to compare with after it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if sys.platform == "linux":
            # Orphans of the kernel become our children, also those that cleared their environment.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._children = set(_children())
        self._files = self._list_files()

    def leftovers(self, notebook: Path, marker: str) -> list[str]:
        """One line for each process, port and file that the chapter left; ends the processes."""
        ended = time.monotonic()
        while (processes := self._processes(marker)) and time.monotonic() - ended < patience(GRACE):
            time.sleep(0.1)
        problems = [self._describe(process) for process in processes]
        for process in processes:
            _end(process)
        left = [str(p.relative_to(self.root)) for p in sorted(self._list_files() - self._files)]
        more = [f"... and {len(left) - MOST_FILES} more"] if len(left) > MOST_FILES else []
        return problems + [
            f"left a file outside work/{notebook.stem}/: {name}"
            for name in left[:MOST_FILES] + more
        ]

    def _processes(self, marker: str) -> list[psutil.Process]:
        found = set(_children(but_for=self._children))
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARKER) == marker:
                    found.add(process)
            except psutil.Error:
                continue  # gone, or another user's
        return [process for process in found if not _is_dead(process)]

    def _describe(self, process: psutil.Process) -> str:
        try:
            name = " ".join(process.cmdline()[:4]) or process.name()
            ports = {
                connection.laddr.port
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
        except psutil.Error:
            return f"left a process: {process.pid}"
        listening = f", listening on port {sorted(ports)}" if ports else ""
        return f"left a process: {process.pid} {name}{listening}"

    def _list_files(self) -> set[Path]:
        """Files of the repository, but for the work folders of its chapters.

        Chapters run side by side: what one of them does in its work folder is not another's.
        """
        ours = {path.parent / "work" / path.stem for path in self.root.glob("notebooks/*/*.ipynb")}
        found = set(self.root.iterdir())
        for folder in ("notebooks", "env", "book", "tests"):
            for parent, folders, files in os.walk(self.root / folder):
                folders[:] = [
                    name
                    for name in folders
                    if name not in _DERIVED and Path(parent, name) not in ours
                ]
                found.update(Path(parent, name) for name in files)
        return {path for path in found if ".lock" not in path.suffixes}


def _children(but_for: Container[psutil.Process] = ()) -> list[psutil.Process]:
    """Our descendants, without these and what they started: a browser starts what it needs late."""
    found = [child for child in psutil.Process().children() if child not in but_for]
    for process in found:  # which grows
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child for child in process.children() if child not in but_for]
    return found


def _is_dead(process: psutil.Process) -> bool:
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return False
        if process.ppid() == os.getpid():
            os.waitpid(process.pid, os.WNOHANG)
    except (psutil.Error, ChildProcessError):
        pass
    return True


def _end(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
        process.wait(patience(GRACE))
    except psutil.Error:
        pass
