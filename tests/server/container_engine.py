"""What brings env/server/compose.yaml up: Docker, or Podman (see private_podman.py)."""

import json
import os
import subprocess
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Engine:
    """How to call it.

    Attributes:
        program: `docker` or `podman`.
        compose: the command of compose, before its own options.
        environment: variables on top of ours.
    """

    program: str
    compose: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self, *command: str | Path, cwd: Path | None = None, hidden: Container[str] = ()
    ) -> str:
        """What the command printed.

        Args:
            hidden: variables of ours that it must not see.

        Raises AssertionError with the end of all that it printed if it failed.
        """
        result = self._run(command, cwd, hidden)
        if result.returncode:
            shown = " ".join(map(str, command))[:300]
            printed = f"{result.stdout}\n{result.stderr}"[-6000:]
            raise AssertionError(f"{shown}\nexited with code {result.returncode}:\n{printed}")
        return result.stdout

    def __call__(self, *arguments: str | Path) -> str:
        """`run` of the program itself."""
        return self.run(self.program, *arguments)

    def inspect(self, kind: str, name: str) -> dict:
        """What it knows about a container, an image, ..."""
        return json.loads(self(kind, "inspect", name))[0]

    def log(self, container: str, since: str = "") -> str:
        """The last lines that a container printed, or all since a time that `inspect` tells."""
        which = f"--since={since}" if since else "--tail=40"
        result = self._run((self.program, "logs", which, container))
        return result.stdout + result.stderr

    def healthy(self, container: str) -> bool:
        """Whether the health check of a container succeeds."""
        if self.program == "docker":
            return self.inspect("container", container)["State"]["Health"]["Status"] == "healthy"
        # Podman leaves the timing to systemd, which is not everywhere.
        return self._run(("podman", "healthcheck", "run", container)).returncode == 0

    def _run(
        self, command: Sequence[str | Path], cwd: Path | None = None, hidden: Container[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if k not in hidden}
        return subprocess.run(
            command,
            cwd=cwd,
            env=inherited | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


DOCKER = Engine("docker", ("docker", "compose"))
