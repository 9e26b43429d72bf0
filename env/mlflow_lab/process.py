"""A process under the guard: started, watched and stopped through two pipes."""

import json
import os
import select
import subprocess
import sys
import time
import weakref

from .errors import LabError
from .patience import patience
from .python_program import GUARD

GUARD_WITHIN = 60.0  # seconds the guard may need on top of the component's own stop

_all: "weakref.WeakSet[Process]" = weakref.WeakSet()


class Process:
    """One component's process. Lives as long as this object's pipe to the guard is open.

    Args:
        specification: see `guard.Guard`.
        environment: all environment variables of the process.

    Attributes:
        pid: of the component, None until it runs.
        exit_code: None while it runs; negative for a signal.
        program: which program the exit code is of: the component, or one of its preparations.
        error: why a command could not be run at all.
    """

    def __init__(self, specification: dict, environment: dict[str, str]) -> None:
        self.pid: int | None = None
        self.exit_code: int | None = None
        self.program: str | None = None
        self.error: str | None = None
        self._within = specification["within"]
        self._unread = b""
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", GUARD, specification["commands"][-1][0]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
        assert self._guard.stdin is not None and self._guard.stdout is not None  # both PIPE
        self._to_guard, self._from_guard = self._guard.stdin, self._guard.stdout
        _all.add(self)
        try:
            self._to_guard.write(json.dumps(specification).encode() + b"\n")
        except BaseException:
            self.stop()
            raise

    @property
    def running(self) -> bool:
        self.update()
        return self.pid is not None and not self.ended and not self._to_guard.closed

    @property
    def ended(self) -> bool:
        """Whether it ended by itself, as far as the guard has said so far."""
        return self.exit_code is not None or self.error is not None

    def update(self, timeout: float = 0.0) -> None:
        """Takes in what the guard reported; waits up to this many seconds for a report."""
        if self.ended or self._from_guard.closed:
            return
        deadline = time.monotonic() + timeout
        while not self.ended:
            remaining = max(0.0, deadline - time.monotonic())
            if not select.select([self._from_guard], [], [], remaining)[0]:
                return
            part = os.read(self._from_guard.fileno(), 65536)
            if not part:
                self.error = "its supervisor was killed"
                return
            *lines, self._unread = (self._unread + part).split(b"\n")
            for line in lines:
                message = json.loads(line)
                self.pid = message.get("pid", self.pid)
                self.exit_code = message.get("exited", self.exit_code)
                self.program = message.get("program", self.program)
                self.error = message.get("error", self.error)

    def stop(self) -> None:
        """Stops the component and waits until nothing is left of it. May be called again.

        Raises:
            LabError: something is left after the time to stop (seconds) and GUARD_WITHIN.
        """
        self._to_guard.close()
        try:
            self._guard.wait(patience(self._within) + GUARD_WITHIN)
        except subprocess.TimeoutExpired:
            raise LabError(f"Process {self.pid} does not end.") from None
        self._from_guard.close()


def _close_pipes() -> None:
    for process in _all:
        process._to_guard.close()


# The copy of the pipe in a forked child (multiprocessing) would keep the component alive after
# this process is gone.
os.register_at_fork(after_in_child=_close_pipes)
