"""The user that a database server runs as when we are root: they refuse to run as root."""

import pwd
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .errors import LabError
from .programs import unpacked


def instead_of_root(names: Iterable[str], component: str) -> pwd.struct_passwd:
    """The first of these users that exists."""
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LabError(f"{component} does not run as root, and there is no user to run it as.")


def can_use(user: pwd.struct_passwd, path: str | Path) -> bool:
    """Whether this user may run the program, or enter the folder."""
    test = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    tried = subprocess.run(
        test, cwd="/", check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[]
    )
    return tried.returncode == 0


def reachable(user: pwd.struct_passwd | None, program: str | Path) -> tuple[str, dict[str, str]]:
    """The program as this user can run it, and what to copy first into the component's folder.

    An unpacked part may be in a virtual environment below /root, say.
    """
    part = unpacked(program)
    if user is None or part is None or can_use(user, program):
        return str(program), {}
    inside = Path(program).resolve().relative_to(part)
    return f"./{part.name}/{inside}", {part.name: str(part)}


def require_entry(user: pwd.struct_passwd, folder: Path, component: str) -> None:
    """Raises LabError when this user could not enter the folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not can_use(user, existing):
        raise LabError(
            f"{component} does not run as root, and the user {user.pw_name} cannot enter "
            f"the folder {folder.name!r}: use one outside of private folders."
        )
