"""The environment in which the kernel of a chapter runs."""

import os
import shutil
import sys
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

MARKER = "HANDBOOK_CHAPTER"
STARTUP = "HANDBOOK_STARTUP"  # a file that the kernel runs before the first cell


def variables(root: Path) -> dict[str, str]:
    """What every kernel has in its environment, besides what is its own."""
    given = os.environ | dotenv_values(root / "env" / "kernel" / "kernel.env")
    given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
    given.pop("TERM", None)  # with a terminal's name some programs colour their output
    return given


@contextmanager
def environment(root: Path):
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
