"""The environment in which the kernel of a chapter runs."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dotenv import dotenv_values

MARKER = "HANDBOOK_CHAPTER"
STARTUP = "HANDBOOK_STARTUP"  # a file that the kernel runs before the first cell
# Where a run goes that names no experiment. mlflow.set_experiment writes the first of them, so
# whoever called it in this process would decide it for the chapter.
CHOSEN_ELSEWHERE = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID")


def variables(root: Path) -> dict[str, str]:
    """What every kernel has in its environment, besides what is its own."""
    of_every_kernel = dotenv_values(root / "env" / "kernel" / "kernel.env").items()
    given = os.environ | {name: value for name, value in of_every_kernel if value is not None}
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
    for name in ("TERM", *CHOSEN_ELSEWHERE):  # a terminal's name makes some programs use colours
        given.pop(name, None)
    return given


@cache
def begin_nursery() -> None:
    """Let this process have its nursery: the first warm program would begin it, in a chapter."""
    subprocess.run([sys.executable, "-c", ""], check=True)


@contextmanager
def environment(root: Path) -> Iterator[str]:
    """Set the environment for one kernel; yields the marker that all its processes inherit."""
    marker = uuid.uuid4().hex
    scratch = Path(tempfile.mkdtemp(prefix="chapter-"))
    # Database servers refuse root and run as another user, who has to pass through this folder.
    scratch.chmod(0o711)
    shutil.copytree(root / "env" / "kernel", scratch / "ipython")
    if startup := os.environ.get(STARTUP):
        (scratch / "ipython" / "profile_default" / "startup").mkdir()
        shutil.copy(startup, scratch / "ipython" / "profile_default" / "startup")
    (scratch / "tmp").mkdir(mode=0o711)
    before = dict(os.environ)
    own = variables(root) | {
        MARKER: marker,
        "IPYTHONDIR": str(scratch / "ipython"),
        "TMPDIR": str(scratch / "tmp"),
    }
    os.environ.clear()
    os.environ.update(own)
    try:
        yield marker
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(scratch, ignore_errors=True)
