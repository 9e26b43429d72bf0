"""Supervisor of one component; run as a script with the standard library and patience.py alone.

    python -I -S guard.py

The caller keeps the write end of the guard's standard input and sends one line of JSON (see
`Guard`). From then on end of file means "stop": the caller closed the pipe, exited or was killed,
so an orderly stop and a crash of the caller take the same path. The guard answers on standard
output, one JSON object per line: `{"pid": 1}` when the component runs, `{"exited": 1, "program":
"initdb"}` when it or a preparation ended by itself, `{"error": "..."}` when it could not be run.

The guard runs in a session of its own, so Ctrl+C in a terminal does not reach it; SIGTERM, SIGINT
and SIGHUP sent to it mean "stop". What it cannot survive is SIGKILL.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.append(os.path.dirname(__file__))  # -I leaves it out
from patience import patience  # type: ignore[import-not-found] # beside it # noqa: E402

POLL = 0.01  # seconds between looks at a group that is ending
ZOMBIE_POLL = 0.1  # seconds between looks at whether all that is left of it are zombies
AFTER_KILL = 3.0  # seconds for the kernel to take a killed group away
REMOVALS = 20  # attempts to remove the temporary folder
CALLER = 0  # standard input


class Stop(Exception):
    """The caller is gone or wants the component stopped."""


class Guard:
    """Runs what one specification says.

    Keys of the specification:
        folder: where everything happens; created when it does not exist.
        temporary: whether the folder is removed at the end.
        files: contents by relative path, written with mode 600 before the start.
        copies: folders to copy into the folder, by relative path, unless already there.
        directories: relative paths of directories to create.
        commands: argument lists, run one after the other; the last one is the component.
        log: relative path of the file that gets everything the commands print.
        user: [uid, gid] to run as (needs root), or null.
        signal: number of the signal that stops the component.
        within: seconds it may take to stop on an idle machine before it is killed.
        leftovers: absolute paths of files the component may leave elsewhere.
    """

    def __init__(self, specification: dict) -> None:
        self.specification = specification
        self.child: subprocess.Popen | None = None
        self.asked_to_stop = False
        # Signals wake the select() below through this pipe, so nothing has to poll.
        self.wakes, wake = os.pipe()
        os.set_blocking(self.wakes, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # Handlers rather than SIG_IGN: an ignored signal would stay ignored in the component.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.stop_soon)

    def stop_soon(self, *_: object) -> None:
        self.asked_to_stop = True

    def run(self) -> int:
        code = 0
        try:
            self.prepare()
            *preparations, component = self.specification["commands"]
            for command in preparations:
                code = self.wait(self.start(command))
                if code != 0:
                    break
            else:
                command = component
                child = self.start(command)
                report(pid=child.pid)
                code = self.wait(child)
            report(exited=code, program=os.path.basename(command[0]))
            self.end(signal.SIGKILL, 0)
            # The folder, and the log in it, are the caller's until it lets go.
            self.wait_for_caller()
        except Stop:
            self.end(self.specification["signal"], self.specification["within"])
        except OSError as error:
            self.end(signal.SIGKILL, 0)
            report(error=f"{error.strerror or error}: {os.path.basename(str(error.filename))}")
            try:
                self.wait_for_caller()
            except Stop:
                pass
        finally:
            self.clean()
        return code

    def prepare(self) -> None:
        folder, user = self.specification["folder"], self.specification["user"]
        if self.specification["temporary"]:
            # Another user must be able to pass through, not to look.
            os.mkdir(folder, 0o711 if user else 0o700)
        else:
            os.makedirs(folder, exist_ok=True)
        for name in self.specification["directories"]:
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                os.makedirs(path, 0o700)
                if user:
                    os.chown(path, *user)
        for name, source in self.specification["copies"].items():
            if not os.path.exists(os.path.join(folder, name)):
                shutil.copytree(source, os.path.join(folder, name), symlinks=True)
        for name, text in self.specification["files"].items():
            path = os.path.join(folder, name)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
            if user:
                os.chown(path, *user)

    def start(self, command: list[str]) -> subprocess.Popen:
        folder, user = self.specification["folder"], self.specification["user"]
        uid, gid = user or (None, None)
        with open(os.path.join(folder, self.specification["log"]), "ab") as log:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
                user=uid,
                group=gid,
                extra_groups=[] if user else None,
            )
        return self.child

    def wait(self, child: subprocess.Popen) -> int:
        """Exit code of the running command. Raises Stop when the caller wants an end first."""
        while True:
            code = child.poll()
            if code is not None:
                return code
            self.sleep()

    def wait_for_caller(self) -> None:
        while True:
            self.sleep()

    def sleep(self) -> None:
        """Until a signal arrives or the caller is gone."""
        if not self.asked_to_stop:
            ready, _, _ = select.select([CALLER, self.wakes], [], [])
            if self.wakes in ready:
                os.read(self.wakes, 4096)
            if CALLER in ready and not os.read(CALLER, 4096):
                self.asked_to_stop = True
        if self.asked_to_stop:
            raise Stop

    def end(self, number: int, within: float) -> None:
        """Ends the whole process group: by this signal, and by SIGKILL after this many seconds."""
        child = self.child
        if child is None:
            return
        for how, seconds in ((number, within), (signal.SIGKILL, AFTER_KILL)):
            if not group_lives(child, how):
                return
            deadline = time.monotonic() + patience(seconds)
            look_closer = time.monotonic() + ZOMBIE_POLL
            while time.monotonic() < deadline:
                time.sleep(POLL)
                if not group_lives(child):
                    return
                if time.monotonic() > look_closer:
                    if only_zombies(child.pid):
                        return
                    look_closer = time.monotonic() + ZOMBIE_POLL

    def clean(self) -> None:
        for path in self.specification["leftovers"]:
            try:
                os.unlink(path)
            except OSError:
                pass
        folder = self.specification["folder"]
        if self.specification["temporary"]:
            for _ in range(REMOVALS):
                shutil.rmtree(folder, ignore_errors=True)
                if not os.path.exists(folder):
                    break
                time.sleep(ZOMBIE_POLL)  # killed processes may still have been writing


def group_lives(leader: subprocess.Popen, number: int = 0) -> bool:
    """Whether its group has a process left; sends the signal to each of them."""
    # Reap the leader first: a zombie counts as a member.
    leader.poll()
    try:
        os.killpg(leader.pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS, when only zombies are left.
        return False
    return True


def only_zombies(group: int) -> bool:
    """Whether all processes of this group are dead and wait for init, which may take seconds."""
    ps = shutil.which("ps", path="/bin:/usr/bin")
    if ps is None:
        return False
    table = subprocess.run([ps, "-A", "-o", "pgid=", "-o", "stat="], stdout=subprocess.PIPE).stdout
    members = [line.split() for line in table.decode().splitlines()]
    return all(state.startswith("Z") for pgid, state in members if int(pgid) == group)


def report(**message: object) -> None:
    try:
        os.write(1, json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # the caller is gone; end of file on standard input says so too


def read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(CALLER, 65536)
        if not part:
            return b""
        line += part
    return line


def main() -> int:
    line = read_line()
    if not line:
        return 0
    code = Guard(json.loads(line)).run()
    # A process killed by signal N has code -N; shells say 128 + N.
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
