"""Where the components' programs are, and how to install those that are missing."""

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import ComponentMissing

# Places outside many users' PATH: Debian keeps nginx in /usr/sbin.
EXTRA_FOLDERS = ("/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin")
FROM_LOCK = "pip install -r requirements.txt"
SET_UP = "make setup"  # gets programs that are in no wheel, and starts none of them


@dataclass(frozen=True)
class Command:
    """A program and its arguments; shown with the bare name, run by the path."""

    program: str
    arguments: tuple[str, ...] = ()

    @property
    def shown(self) -> list[str]:
        return [os.path.basename(self.program), *self.arguments]

    @property
    def run(self) -> list[str]:
        return [self.program, *self.arguments]


def find(name: str, folders: Iterable[str | Path] = ()) -> str | None:
    """Path of a program: in these folders, beside this Python, in PATH, in EXTRA_FOLDERS."""
    beside_python = os.path.dirname(sys.executable)
    places = [*map(str, folders), beside_python, os.environ.get("PATH", ""), *EXTRA_FOLDERS]
    return shutil.which(name, path=os.pathsep.join(place for place in places if place))


def require(name: str, component: str, install: str) -> str:
    """Path of a program. Raises ComponentMissing with the install command."""
    path = find(name)
    if path is None:
        raise missing(component, install)
    return path


def missing(component: str, install: str) -> ComponentMissing:
    return ComponentMissing(f"{component} is not installed: run `{install}`.")


def unpacked(program: str | Path) -> Path | None:
    """The folder of the program's part, which may be copied; None when it is an installed one."""
    parts, path = Path(sys.prefix, "parts").resolve(), Path(program).resolve()
    return parts / path.relative_to(parts).parts[0] if path.is_relative_to(parts) else None
