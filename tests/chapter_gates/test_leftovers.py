"""What a chapter did not start is not what it left."""

import subprocess
import sys

from tests.chapter_plugin.leftovers import Snapshot

# Says so, and starts another program, when it is told to.
LATE = """\
import subprocess, sys
sys.stdin.readline()
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
sys.stdin.readline()
child.kill()
child.wait()"""


def test_what_a_program_starts_that_ran_before_is_its_own(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", LATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as browser:
        assert browser.stdin is not None and browser.stdout is not None
        before = Snapshot(tmp_path)
        browser.stdin.write("\n")
        browser.stdin.flush()
        assert int(browser.stdout.readline())
        left = before.leftovers(tmp_path / "run.ipynb", "no such marker")
        browser.stdin.write("\n")
    assert left == []
