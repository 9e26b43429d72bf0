"""Starts Python programs of this environment as forks of a `nursery`, where that is the same.

After `begin()` whatever starts a process here through `subprocess` or `multiprocessing` (Jupyter a
kernel, MLflow a server) gets a program that need not import MLflow again. Its arguments, variables,
folder, descriptors, session, parent, exit code, answers to signals and line in `ps` are those of a
program that was executed.

A program is executed as ever ("cold") when it is none of this environment, when its interpreter
gets options, when it runs as another user, when one of its variables differs that was read while
the nursery imported, or when a file beside it has the name of a module that was imported. COLD=1
among the variables of a program executes it, and so what it starts. So is everything where the
system is not Linux.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from . import nursery
from .nursery import COLD
from .patience import patience
from .python_program import PythonProgram, Starts

# Read before a program runs: by the C library, by Python, by libraries of numbers.
READ_AT_START = ("LC_", "LD_", "MALLOC_", "MKL_", "NUMEXPR_", "OMP_", "OPENBLAS_", "PYTHON", "TZ")
# Read while importing, to no effect: read again when it matters, for colours of a terminal, for
# telemetry, which is off wherever programs start warm.
READ_IN_VAIN = {"PATH", "MLFLOW_TRACKING_URI", "JPY_PARENT_PID", "TERM", "PYTEST_CURRENT_TEST"}

_PARTS = (  # what CPython's fork_exec takes, 3.11 to 3.13; those without a name here do not matter
    *("words", "executables", "close", "kept", "folder", "variables"),
    *("stdin", "", "", "stdout", "", "stderr", "", "failure", ""),
    *("session", "group", "gid", "groups", "uid", "umask", "preparation", ""),
)
# Seconds on an idle machine, far more than it takes, after which programs are executed.
READY_WITHIN, ANSWER_WITHIN = 120.0, 30.0
_ROOM_FOR_WORDS, _ROOM_FOR_VARIABLES = 4096, 60_000  # bytes, see nursery.show
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37  # linux/prctl.h

_execute = subprocess._fork_exec  # type: ignore[attr-defined] # private, where programs start
_starter: "_Starter | None" = None


def begin(environment: dict[str, str]) -> None:
    """From now on Python programs that this process starts are warm, if they can be.

    The nursery begins with the first of them, and ends with this process.

    Args:
        environment: all variables of the nursery.
    """
    known = sys.platform == "linux" and (3, 11) <= sys.version_info < (3, 14)
    if _starter is None and known and not environment.get(COLD):
        inherit(None, nursery.origin(environment | {"MLFLOW_DISABLE_TELEMETRY": "true"}))


def inherit(
    channel: socket.socket | None, origin: dict, starts: Starts = "many", pid: int = 0
) -> None:
    """Start programs over this channel to a nursery.

    Args:
        channel: None where there is no nursery, or none yet.
        pid: process id of the nursery.
        origin: see `nursery.origin`.
        starts: which programs this process starts. The nursery of one program turns into it;
            workers are forks of this process itself.
    """
    global _starter
    import _posixsubprocess

    _starter = _Starter(channel, origin, starts, pid)
    _posixsubprocess.fork_exec = subprocess._fork_exec = _starter  # type: ignore[attr-defined] # private


def pause(paused: bool) -> None:
    """Whether programs are executed for the time being. Without effect where they always are."""
    if _starter is not None:
        _starter.paused = paused


class _Starter:
    """Stands in the place of fork_exec."""

    def __init__(
        self, channel: socket.socket | None, origin: dict, starts: Starts, pid: int
    ) -> None:
        self.channel = channel
        self.pid = pid
        self.origin = origin
        self.starts = starts
        self.paused = False
        self.lock = threading.Lock()

    def __call__(self, *parts: object) -> int:
        """The process id of the program."""
        request = None
        if not self.paused:
            request = self.request(dict(zip(_PARTS, parts, strict=True)))
        if request is not None:
            with self.lock:
                pid = self.ask(self.channel, request) if self.channel is not None else None
            if pid:
                return pid
            # What supervises workers has one thread, and nothing that they may not inherit.
            if self.starts == "workers" and request["spawned"] and threading.active_count() == 1:
                return nursery.fork_worker(request, self.origin)
        return _execute(*parts)

    def request(self, parts: dict) -> dict | None:
        """What a nursery has to know of a program; None when it has to be executed."""
        words, executables = ([os.fsdecode(w) for w in parts[n]] for n in ("words", "executables"))
        program = PythonProgram.of(words, executables)
        identity = (parts[name] for name in ("gid", "groups", "uid", "preparation"))
        if program is None or not parts["close"] or any(part is not None for part in identity):
            return None
        assigned = parts["variables"]
        variables = (
            dict(os.environ)
            if assigned is None
            else dict(os.fsdecode(variable).split("=", 1) for variable in assigned)
        )
        folder = os.path.join(os.getcwd(), os.fsdecode(parts["folder"] or ""))
        if program.kind == "file" and not os.path.isfile(os.path.join(folder, program.what)):
            return None
        if variables.get(COLD) or not self.starts_like(variables):
            return None
        first = os.path.dirname(program.what) if program.kind == "file" else ""
        if _modules_in(os.path.join(folder, first)) & set(self.origin["modules"]):
            return None
        standard = [parts["stdin"], parts["stdout"], parts["stderr"]]
        others = [number for number in parts["kept"] if number != parts["failure"]]
        ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
        return {
            **vars(program),
            "spawned": program.is_spawned,
            "starts": program.starts,
            "variables": variables,
            "folder": folder,
            "sources": [n if number == -1 else number for n, number in enumerate(standard)]
            + others,
            "descriptors": [0, 1, 2, *others],
            "session": bool(parts["session"]),
            "group": parts["group"],
            "umask": _umask() if parts["umask"] == -1 else parts["umask"],
            "ignored": ignored,
        }

    def starts_like(self, variables: dict[str, str]) -> bool:
        """Whether a program with these variables would import as the nursery did."""
        with self.lock:
            if self.origin["read"] is None:
                self.begin_nursery()
        before = self.origin["variables"]
        names = {n for n in variables.keys() | before.keys() if n.startswith(READ_AT_START)}
        names |= set(self.origin["read"]) - READ_IN_VAIN
        same = all(variables.get(name) == before.get(name) for name in names)
        return same and self.origin["limits"] == nursery.limits()

    def begin_nursery(self) -> None:
        """Executes a nursery; waits until it has imported and says what it read."""
        self.origin["read"] = []
        channel, theirs = socket.socketpair()
        self.channel = channel
        code = f"from mlflow_lab import nursery; nursery.begin({theirs.fileno()})"
        room = {nursery.ROOM: " " * _ROOM_FOR_VARIABLES}
        process = subprocess.Popen(
            [sys.executable, "-c", code, " " * _ROOM_FOR_WORDS],
            env=self.origin["variables"] | room | {COLD: "1"},
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        process.returncode = 0  # it ends with this process: nobody waits for it
        self.pid = process.pid
        theirs.close()
        try:
            channel.settimeout(patience(READY_WITHIN))
            length = int.from_bytes(nursery.read(channel, nursery.HEAD))
            self.origin |= json.loads(nursery.read(channel, length) or "{}")
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
        if not self.origin["read"]:
            self.end()

    def ask(self, channel: socket.socket, request: dict) -> int:
        """Process id of a program forked by the nursery; 0 when it cannot be had from there."""
        libc, before = ctypes.CDLL(None), ctypes.c_int()
        once = self.starts == "one"
        text = json.dumps(request | {"once": once}).encode()
        pid = 0
        libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            channel.settimeout(patience(ANSWER_WITHIN))
            head = len(text).to_bytes(nursery.HEAD)
            socket.send_fds(channel, [head], request["sources"])
            channel.sendall(text)
            pid = int.from_bytes(nursery.read(channel, nursery.HEAD))
        except TimeoutError:
            # Or what was sent to it, the ends of a pipe for instance, would stay open.
            os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass
        finally:
            libc.prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)
            if once or not pid:
                self.end()
        return pid

    def end(self) -> None:
        """From now on programs are executed."""
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def end_in_child(self) -> None:
        self.lock = threading.Lock()
        self.origin["read"] = self.origin["read"] or []
        self.end()


def _modules_in(folder: str) -> set[str]:
    """The modules that a program finds there before those of the environment."""
    if not os.path.isdir(folder):
        return set()
    files = {name.partition(".")[0] for name in os.listdir(folder) if name.endswith((".py", ".so"))}
    packages = {path.parent.name for path in Path(folder).glob("*/__init__.py")}
    return files | packages


def _umask() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 8) for line in file if line.startswith("Umask:"))


# A copy of the channel would keep the nursery alive, and garble what is said on it.
def _let_go() -> None:
    if _starter is not None:
        _starter.end_in_child()


os.register_at_fork(after_in_child=_let_go)
