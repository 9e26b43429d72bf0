"""What all components have in common.

A new kind of component is a subclass in a module of its own, with `title`, `log_name`, `_plan`
(what to run) and `_healthy` (when it is up).
"""

import os
import re
import secrets
import shlex
import site
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any, ClassVar, Self, TypedDict

from . import ports
from .errors import LabError, StartFailed
from .patience import patience, slowdown
from .process import Process
from .programs import Command
from .shell_lines import folded

POLL = 0.05  # seconds between two looks at a component that is starting
ATTEMPTS = 3  # on different ports, when another program took ours between choice and start
HIDDEN = "***"
MaybeNone = Any  # None before the first start, and whoever uses it later need not ask

_PASSWORD_IN_URI = re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)")
_SECRET_NAME = re.compile("KEY|SECRET|PASSWORD|TOKEN|CREDENTIAL|CONNECTION_STRING")
_PORT_TAKEN = re.compile("address already in use", re.IGNORECASE)
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@dataclass
class Launch:
    """What has to be run; relative paths are relative to the component's folder.

    `files`, `copies`, `directories`, `user` and `leftovers` as in `guard.Guard`.
    """

    command: Command
    preparations: list[Command] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    user: tuple[int, int] | None = None
    leftovers: list[str] = field(default_factory=list)


class Options(TypedDict, total=False):
    """What every component takes; see `Component`."""

    port: int | None
    folder: str | os.PathLike[str] | None
    environment: Mapping[str, str] | None
    quiet: bool
    timeout: float


class Component:
    """A real program, started and stopped by us.

    Args:
        port: on 127.0.0.1; None takes a free one.
        folder: working directory, with the component's data and log. None makes a temporary one
            and removes it at stop; a given one is kept, so that the component can be started
            again on its data.
        environment: variables that the component gets on top of ours.
        quiet: do not print the commands.
        timeout: seconds from start until it must be healthy on an idle machine; on a busy one
            they grow with its load, see `patience`.

    Attributes:
        port: where it listens; the same one again when it is stopped and started.
        folder: as above; None before the first start in a temporary one.
    """

    # Said by each kind of component.
    title: ClassVar[str]  # its name in messages
    log_name: ClassVar[str]
    stop_signal: int = SIGTERM
    stop_within: ClassVar[float] = 10.0  # seconds on an idle machine; then it is killed
    drops: ClassVar[tuple[str, ...]] = ()  # prefixes of variables it must not inherit from us

    def __init__(
        self,
        *,
        port: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
        timeout: float = 120.0,
    ) -> None:
        self.port: int | MaybeNone = port
        self.folder: Path | MaybeNone = None if folder is None else Path(folder).absolute()
        self.quiet = quiet
        self.timeout = timeout
        self._extra_environment = dict(environment or {})
        self._port_is_ours = port is None
        self._temporary = folder is None
        self._process: Process | None = None
        self._launch: Launch | None = None
        self._log_start = 0
        self._kept_log = ""

    def _plan(self) -> Launch:
        """What to run, now that `port` and `folder` are known. May raise ComponentMissing."""
        raise NotImplementedError

    def _healthy(self) -> bool:
        """Whether it can be used. Asked again until it is, or until the timeout."""
        raise NotImplementedError

    def _set_up(self) -> None:
        """What to do once it is healthy."""

    def _free_port(self) -> int:
        return ports.free()[0]

    def _own_environment(self) -> dict[str, str]:
        """Variables that are part of the command, as shown to the reader."""
        return self._extra_environment

    def _secrets(self) -> list[str]:
        """Words that are never printed."""
        return [v for name, v in self._own_environment().items() if v and _SECRET_NAME.search(name)]

    def start(self) -> Self:
        """Starts it and waits until it is healthy. Does nothing when it already runs.

        Raises:
            ComponentMissing: the program is not installed.
            PortInUse: the port asked for is taken.
            StartFailed: it exited, or was not healthy in time.
        """
        if self.running:
            return self
        self.stop()
        if not self._port_is_ours:
            ports.require_free(self.port)
        for attempt in range(1, ATTEMPTS + 1):
            if self._port_is_ours and (self.port is None or not ports.is_free(self.port)):
                self.port = self._free_port()
            try:
                self._start_once()
                break
            except StartFailed as error:
                taken = _PORT_TAKEN.search(error.log)
                if not (taken and self._port_is_ours and attempt < ATTEMPTS):
                    raise
                self.port = None
        return self

    def stop(self) -> None:
        """Stops it and waits until nothing is left. Does nothing when it does not run."""
        if self._process is None:
            return
        try:
            self._kept_log = self._log()
        finally:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"running on port {self.port}" if self.running else "not running"
        return f"<{type(self).__name__} {state}>"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """Process id of the component while it runs, otherwise None."""
        process = self._process
        return process.pid if process is not None and process.running else None

    @property
    def command(self) -> list[str]:
        """The command as one would type it in `folder`. Not redacted: may hold a password."""
        return self._started().command.shown

    @property
    def log_path(self) -> Path:
        """File with everything the component printed; gone with a temporary folder."""
        self._started()
        return self.folder / self.log_name

    def log_tail(self, lines: int = 20) -> str:
        """Last lines logged since the last start, without passwords and this machine's paths.

        After stop these are the lines from before it.
        """
        text = self._kept_log if self._process is None else self._log()
        return self._tidy("\n".join(text.splitlines()[-lines:]))

    def logged(self, pattern: str, within: float = 60.0) -> str:
        """Newest match of `pattern` in what was logged since the last start; waits for one.

        A server answers first and logs afterwards, so what a request caused may not be there yet.

        Args:
            pattern: regular expression, searched for in the same text as `log_tail` gives.
            within: seconds to wait; no wait once it does not run.

        Raises:
            LabError: nothing matched; with the last lines logged.
        """
        deadline = time.monotonic() + within
        while True:
            waits = self.running and time.monotonic() < deadline
            text = self.log_tail(sys.maxsize)
            if matches := list(re.finditer(pattern, text)):
                return matches[-1][0]
            if not waits:
                raise LabError(f"{self.title} logged no {pattern!r}:\n{self.log_tail()}")
            time.sleep(POLL)

    def _started(self) -> Launch:
        """What was run. Raises LabError when nothing was."""
        if self._launch is None:
            raise LabError(f"{self.title} was not started yet.")
        return self._launch

    def _start_once(self) -> None:
        if self._temporary:
            name = f"mlflow_lab-{type(self).__name__.lower()}-{secrets.token_hex(4)}"
            self.folder = self._temporary_root() / name
        self._launch = self._plan()
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        if not self.quiet:
            print("\n".join(f"$ {folded(line)}" for line in self._command_lines()), flush=True)
        try:
            self._process = Process(self._specification(), self._environment())
            self._wait(self._process)
            self._set_up()
        except BaseException:  # KeyboardInterrupt too: nothing may be left
            self.stop()
            raise

    def _temporary_root(self) -> Path:
        return Path(tempfile.gettempdir()).absolute()

    def _specification(self) -> dict:
        launch = self._started()
        return {
            "folder": str(self.folder),
            "temporary": self._temporary,
            "files": launch.files,
            "copies": launch.copies,
            "directories": launch.directories,
            "commands": [c.run for c in (*launch.preparations, launch.command)],
            "log": self.log_name,
            "user": launch.user,
            "signal": int(self.stop_signal),
            "within": self.stop_within,
            "leftovers": launch.leftovers,
        }

    def _environment(self) -> dict[str, str]:
        """All variables of the process."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(self.drops)}
        return {**inherited, **proxy_exceptions(), **self._own_environment()}

    def _wait(self, process: Process) -> None:
        started = time.monotonic()
        while True:
            process.update(POLL)
            spent = time.monotonic() - started
            if process.error is not None:
                raise self._failure(process, f"{self.title} could not be run: {process.error}.")
            if process.exit_code is not None:
                raise self._failure(
                    process,
                    f"{process.program} {_exit_reason(process.exit_code)} "
                    f"after {spent:.1f} s, before {self.title} was healthy.",
                )
            if process.pid is not None and self._healthy():
                return
            if spent > patience(self.timeout):
                raise self._failure(
                    process,
                    f"{self.title} was not healthy after {spent:.1f} s (at most {self.timeout:g} s "
                    f"on an idle machine, times {slowdown():.1f} for the load of this one).",
                )

    def _failure(self, process: Process, reason: str) -> StartFailed:
        lines = self._command_lines()
        of_program = [line for line in lines if line.split()[0] == process.program]
        return StartFailed(reason, (of_program or lines)[-1], self.log_tail())

    def _command_lines(self) -> list[str]:
        launch = self._started()
        commands = [*launch.preparations, launch.command]
        lines = [shlex.join(self._tidy(word) for word in c.shown) for c in commands]
        variables = [
            f"{name}={shlex.quote(HIDDEN if _SECRET_NAME.search(name) else self._tidy(value))}"
            for name, value in self._own_environment().items()
        ]
        lines[-1] = " ".join([*variables, lines[-1]])
        return lines

    def _log(self) -> str:
        try:
            with open(self.log_path, "rb") as file:
                file.seek(self._log_start)
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _tidy(self, text: str) -> str:
        """The same text without passwords and without this machine's paths."""
        for secret in self._secrets():
            text = text.replace(secret, HIDDEN)
        text = _PASSWORD_IN_URI.sub(rf"\1{HIDDEN}", text)
        for path, name in _machine_paths(self.folder):
            text = text.replace(path, name)
        return text


def proxy_exceptions() -> dict[str, str]:
    """Variables that let clients reach 127.0.0.1 directly; none where no proxy is configured."""
    if not any(os.environ.get(name) for name in _PROXIES):
        return {}
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    value = ",".join([*(exceptions and [exceptions]), "127.0.0.1", "localhost"])
    return {"no_proxy": value, "NO_PROXY": value}


def _exit_reason(exit_code: int) -> str:
    if exit_code < 0:
        return f"was killed by signal {-exit_code}"
    return f"exited with code {exit_code}"


def _machine_paths(folder: Path) -> list[tuple[str, str]]:
    """Paths and what stands for them, inner ones first."""
    known = [
        (str(folder), "."),
        (os.path.realpath(folder), "."),
        *((path, "site-packages") for path in site.getsitepackages()),
        (sysconfig.get_path("stdlib"), "lib/python"),
        (sys.prefix, "."),
        (str(Path.home()), "~"),
    ]
    return [(path, name) for path, name in known if len(path) > 1]
