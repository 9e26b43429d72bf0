"""What runs from below a folder ends with the process that asked for it, nothing else does."""

import shutil
import signal
import subprocess
import sys

import pytest
from mlflow_lab import Sweeper

from tests.waiting import wait_until

CALLER = "import sys; from mlflow_lab import Sweeper; Sweeper(sys.argv[1]); print(1); input()"


@pytest.fixture
def sleeping(tmp_path):
    """A program from below the folder, and one from beside it."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    programs = [tmp_path / "swept" / "sleep", tmp_path / "swept-not" / "sleep"]
    for program in programs:
        program.parent.mkdir()
        shutil.copy(sleep, program)
    started = [subprocess.Popen([program, "600"]) for program in programs]
    yield tmp_path / "swept", *started
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_caller(sleeping, end):
    folder, below, beside = sleeping
    command = [sys.executable, "-u", "-c", CALLER, folder]
    caller = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"1\n" and below.poll() is None
    caller.send_signal(end)
    wait_until(lambda: below.poll() is not None)
    caller.communicate()
    assert caller.returncode == -end
    assert below.returncode == -signal.SIGKILL and beside.poll() is None


def test_it_ends_when_the_caller_says_so(sleeping):
    folder, below, beside = sleeping
    sweeper = Sweeper(folder)
    assert below.poll() is None
    sweeper.stop()
    assert below.wait() == -signal.SIGKILL and beside.poll() is None
