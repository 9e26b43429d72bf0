"""Ends the programs that run from below a folder, once the process that asked for it is gone.

For programs that the reader's own commands start: an installation script, a server in a shell.
Components of this package end by themselves (guard.py).
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil


class Sweeper:
    """Waits beside the caller. As soon as `stop` is called or the caller is gone, however it went,
    it kills every process one of whose command's words begins with the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        command = [sys.executable, __file__, f"{Path(folder).absolute()}{os.sep}"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, start_new_session=True, cwd="/"
        )

    def stop(self) -> None:
        """Returns when what is left below the folder was killed."""
        self._process.communicate()


def sweep(beginning: str) -> None:
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []  # none: a process of the kernel, or one that is gone
        if process.pid != os.getpid() and any(word.startswith(beginning) for word in words):
            with suppress(psutil.Error):
                process.kill()


if __name__ == "__main__":
    sys.stdin.read()
    sweep(sys.argv[1])
