"""Installs packages with the system's package manager, no service of theirs started or enabled."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMANDS = {
    "apt-get": ("apt-get", "install", "-y", "--no-install-recommends"),
    "dnf": ("dnf", "install", "-y"),
    "brew": ("brew", "install"),  # starts nothing
}
# What the scripts of Debian's packages start and enable services with. All return success.
SWITCHES = ("deb-systemd-helper", "deb-systemd-invoke", "invoke-rc.d", "service", "systemctl")
DPKG_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# systemd asks the presets when a package of Rocky Linux is new; nothing in /run outlives a boot.
PRESET = Path("/run/systemd/system-preset/00-nothing.preset")


def packages(manager: str | None, names: list[str]) -> None:
    """Exits with a sentence where there is no package manager or no right to install."""
    if manager is None:
        sys.exit(f"These programs are needed and missing: {' '.join(names)}. Install them first.")
    again = shlex.join([sys.executable, "-B", *sys.argv])
    if manager != "brew" and os.getuid() != 0:
        if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode != 0:
            sys.exit(f"Some programs are missing. Run this, then make again:\n  sudo {again}")
        sys.exit(subprocess.run(["sudo", *shlex.split(again)]).returncode)
    print(
        f"== programs: {' '.join(names)}: installed with {manager}, no service started or enabled"
    )
    with nothing_switched_on(manager) as options:
        if manager == "apt-get":
            _run(["apt-get", "update", "-qq"])
        if "epel-release" in names:
            _run([*COMMANDS["dnf"], "epel-release"])  # where Chromium for Rocky Linux is
        _run([*COMMANDS[manager], *options, *names])


@contextmanager
def nothing_switched_on(manager: str, root: str = "") -> Iterator[list[str]]:
    """Options of the package manager; nothing stays of it, also when the installation fails.

    Args:
        root: folder of the system that packages are installed into; this machine's is empty.
    """
    if manager == "apt-get":
        with tempfile.TemporaryDirectory() as folder:
            for name in SWITCHES:
                Path(folder, name).write_text("#!/bin/sh\nexit 0\n")
                Path(folder, name).chmod(0o755)
            yield [f"-oDPkg::Path={folder}:{DPKG_PATH}"]
    elif manager == "dnf":
        preset = Path(f"{root}{PRESET}")
        preset.parent.mkdir(parents=True, exist_ok=True)
        preset.write_text("disable *\n")
        try:
            yield []
        finally:
            preset.unlink()
    else:
        yield []


def _run(command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(command)}: exit code {result.returncode}")
