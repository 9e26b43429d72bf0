"""What a command costs with all its descendants: CPU seconds, wall seconds, peak memory.

Run as a script it supervises one command, with the standard library alone:

    python -I -S accounting.py LOG COMMAND...

On Linux it is the reaper of every descendant whose own parent is gone (a "child subreaper"), so
their CPU is in RUSAGE_CHILDREN too. What still runs a while after the command is killed and
counted. RUSAGE_CHILDREN misses the children of a process that ignores SIGCHLD; a cgroup misses
what moves to another one, as containers do. Neither counts anything twice: the larger counts.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

GRACE = 5.0  # seconds for descendants to end by themselves after the command
SAMPLE = 1.0  # seconds between two looks at the memory of the tree
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # from linux/prctl.h


@dataclass(frozen=True)
class Cost:
    """What one command took.

    returncode: as in subprocess; 127 when the command could not be started.
    wall: seconds until the command itself ended.
    cpu_rusage, cpu_cgroup: CPU seconds of the tree; the second is None without a cgroup v2.
    peak_pss: bytes, the largest sum over the tree, each shared page counted once; None off Linux.
    peak_cgroup: bytes, with the files that the kernel keeps in memory; None without a controller.
    killed: descendants that outlived the command.
    """

    returncode: int
    wall: float
    cpu_rusage: float
    cpu_cgroup: float | None
    peak_pss: int | None
    peak_cgroup: int | None
    killed: int

    @property
    def cpu(self) -> float:
        return max(self.cpu_rusage, self.cpu_cgroup or 0.0)


def measure(command: Sequence[str], log: Path, **options: Any) -> Cost:
    """Run a command to its end, its output in the file `log`; `options` are subprocess's."""
    supervisor = [sys.executable, "-I", "-S", __file__, str(log), *command]
    result = subprocess.run(supervisor, stdout=subprocess.PIPE, text=True, check=True, **options)
    return Cost(**json.loads(result.stdout))


class Group:
    """A cgroup (v2) for one command. Raises OSError where none can be made."""

    def __init__(self) -> None:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        own = Path("/proc/self/cgroup").read_text().partition("0::")[2].splitlines()
        tops = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
        if not (tops and own):
            raise FileNotFoundError("no cgroup v2 is mounted")
        self.folder = tops[0] / own[0].lstrip("/") / f"bench-{os.getpid()}"
        self.folder.mkdir()

    def join(self) -> None:
        """Put the calling process into it."""
        (self.folder / "cgroup.procs").write_text("0")

    def cpu(self) -> float:
        """CPU seconds of what was ever in it."""
        fields = dict(line.split() for line in self._read("cpu.stat").splitlines())
        return int(fields["usage_usec"]) / 1e6

    def peak(self) -> int | None:
        """Bytes."""
        try:
            return int(self._read("memory.peak"))
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Remove it, and what was made in it."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _read(self, name: str) -> str:
        return (self.folder / name).read_text()


def descendants() -> list[int]:
    """Process ids of everything below this process, zombies not counted."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The second field, a name, may hold spaces and parentheses.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), []).append(int(folder.name))
    found = [os.getpid()]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def memory() -> int:
    """Bytes of all descendants together."""
    total = 0
    for pid in descendants():
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
    return total


class Sampler(threading.Thread):
    """Keeps the largest `memory()` it saw."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.done = 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(SAMPLE):
            self.peak = max(self.peak, memory())


def supervise(log: Path, command: list[str]) -> Cost:
    """Run a command as `measure` promises; at SIGTERM, or when the caller ends, end all of it."""
    linux = sys.platform == "linux"
    if linux:
        control = ctypes.CDLL(None, use_errno=True).prctl
        control(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        control(_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGTERM, _leave)
    try:
        group = Group()
    except OSError:
        group = None
    sampler, killed = Sampler(), 0
    started = time.monotonic()
    try:
        with log.open("wb") as output:
            join = group.join if group else None
            returncode = _run(command, output, join, sampler if linux else None)
        wall = time.monotonic() - started
    finally:
        sampler.done.set()
        if linux:
            killed = _reap_descendants()
        cpu, peak = (group.cpu(), group.peak()) if group else (None, None)
        if group:
            group.close()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        returncode=returncode,
        wall=wall,
        cpu_rusage=usage.ru_utime + usage.ru_stime,
        cpu_cgroup=cpu,
        peak_pss=sampler.peak if linux else None,
        peak_cgroup=peak,
        killed=killed,
    )


def _leave(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would cut the end short
    sys.exit(1)


def _run(
    command: list[str],
    output: BinaryIO,
    join: Callable[[], None] | None,
    sampler: Sampler | None,
) -> int:
    """Exit code of the command; reaps orphans until then."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=join,
        )
    except OSError as error:
        output.write(f"{error}\n".encode())
        return 127
    if sampler:
        sampler.start()
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode


def _reap_descendants() -> int:
    """Reap all descendants; kill those that have not ended after a while. Returns how many."""
    killed: set[int] = set()
    deadline = time.monotonic() + GRACE
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return len(killed)
        if time.monotonic() > deadline:
            for pid in descendants():
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


if __name__ == "__main__":
    print(json.dumps(vars(supervise(Path(sys.argv[1]), sys.argv[2:]))))
