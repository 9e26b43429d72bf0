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


@contextmanager
def environment(root: Path):
    """Set the environment for one kernel; yields the marker that all its processes inherit."""
    marker = uuid.uuid4().hex
    scratch = Path(tempfile.mkdtemp(prefix="chapter-"))
    # Database servers refuse root and run as another user, who has to pass through this folder.
    scratch.chmod(0o711)
    shutil.copytree(root / "env" / "kernel", scratch / "ipython")
    (scratch / "tmp").mkdir(mode=0o711)
    before = dict(os.environ)
    os.environ |= dotenv_values(root / "env" / "kernel" / "kernel.env") | {
        MARKER: marker,
        "IPYTHONDIR": str(scratch / "ipython"),
        "TMPDIR": str(scratch / "tmp"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    os.environ.pop("TERM", None)  # with a terminal's name some programs colour their output
    try:
        yield marker
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(scratch, ignore_errors=True)
