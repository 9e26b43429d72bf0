"""Types hold: mypy reads every Python file that pyproject.toml names for it."""

import os
import subprocess
import sys

import pytest
from mlflow_lab.warm_start import COLD

from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("types")  # one cache, in _build, for one writer

WRONG = """\
def length(text: str) -> int:
    return text


def unannotated(text):
    return text
"""


def mypy(*files: str) -> subprocess.CompletedProcess[str]:
    """What mypy says of these files, or of all that are configured."""
    return subprocess.run(
        [sys.executable, "-m", "mypy", *files],
        cwd=ROOT,
        env=os.environ | {COLD: "1"},  # it imports nothing of MLflow
        capture_output=True,
        text=True,
    )


def test_types_hold():
    checked = mypy()
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_and_a_missing_type_are_refused(tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    checked = mypy(str(tmp_path / "wrong.py"))
    assert checked.returncode == 1
    assert "[return-value]" in checked.stdout and "[no-untyped-def]" in checked.stdout
