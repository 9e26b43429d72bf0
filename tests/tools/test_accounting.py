"""The cost of a command is that of its whole tree, whatever becomes of the tree."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import WITHIN, wait_until
from tools import accounting
from tools.accounting import GRACE, measure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
SECONDS = 0.3  # CPU


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def orphan(code: str, mark: Path) -> list[str]:
    """A command that leaves a process in a session of its own, once that has written `mark`."""
    return python(
        f"import os, subprocess, time\n"
        f"subprocess.Popen({python(code)!r}, start_new_session=True)\n"
        f"while not os.path.lexists({str(mark)!r}): time.sleep(0.05)"
    )


@pytest.mark.parametrize("end", ["", "time.sleep(1000)"], ids=["ends", "is killed"])
def test_the_cpu_of_an_orphan_is_counted(tmp_path, end):
    mark = tmp_path / "burnt"
    burn = f"{BURN.format(seconds=SECONDS)}open({str(mark)!r}, 'w')\n{end}"
    cost = measure(orphan(burn, mark), tmp_path / "log")
    assert cost.cpu_rusage >= SECONDS
    assert cost.cpu_cgroup is None or cost.cpu_cgroup >= SECONDS
    assert cost.killed == bool(end)


def test_the_cpu_of_what_nobody_waits_for_is_counted_where_there_is_a_cgroup(tmp_path):
    ignoring = f"""
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if not os.fork():
    {BURN.format(seconds=SECONDS).replace(chr(10), chr(10) + "    ")}
    os._exit(0)
try:
    os.wait()
except ChildProcessError:
    pass
"""
    cost = measure(python(ignoring), tmp_path / "log")
    assert cost.returncode == 0
    if cost.cpu_cgroup is None:
        pytest.skip("no cgroup can be made here")
    assert cost.cpu_rusage < SECONDS <= cost.cpu


def test_the_memory_of_the_whole_tree_counts(tmp_path):
    size = 100_000_000  # bytes
    hold = f"import time; held = bytearray({size}); time.sleep(3)"
    both = f"import subprocess; p = subprocess.Popen({python(hold)!r}); {hold}; p.wait()"
    peak = measure(python(both), tmp_path / "log").peak_pss
    assert peak is not None and peak >= 2 * size


def test_a_command_that_fails_keeps_its_exit_code_and_output(tmp_path):
    cost = measure(python("print('why'); raise SystemExit(3)"), tmp_path / "log")
    assert (cost.returncode, (tmp_path / "log").read_text()) == (3, "why\n")


def test_a_command_that_is_not_there_fails(tmp_path):
    assert measure(["no-such-command"], tmp_path / "log").returncode == 127
    assert "no-such-command" in (tmp_path / "log").read_text()


def stays(mark: Path) -> str:
    """Code of a process that writes its id and does not end by itself."""
    return f"import os, time\nos.symlink(str(os.getpid()), {str(mark)!r})\ntime.sleep(1000)"


def runs(mark: Path) -> bool:
    return Path("/proc", mark.readlink()).exists()


def test_nothing_is_left_running(tmp_path):
    """And wall seconds are the command's, not those of waiting for what it left."""
    mark = tmp_path / "pid"
    before = time.monotonic()
    cost = measure(orphan(stays(mark), mark), tmp_path / "log")
    assert cost.wall + GRACE <= time.monotonic() - before
    wait_until(lambda: not runs(mark))


def test_nothing_is_left_running_by_a_supervisor_that_is_told_to_stop_twice(tmp_path):
    mark = tmp_path / "pid"
    command = [sys.executable, accounting.__file__, tmp_path / "log", *python(stays(mark))]
    supervisor = subprocess.Popen(command)
    wait_until(mark.is_symlink)
    supervisor.terminate()
    time.sleep(GRACE / 2)  # the second while it waits for the tree
    supervisor.terminate()
    assert supervisor.wait(WITHIN) == 1
    assert not runs(mark)
