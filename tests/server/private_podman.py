"""Podman in a storage of its own, with stand-ins for the images that env/server names.

Works where no registry of images can be reached, and where the machine is itself a container. What
it does otherwise than a reader: builds run without a container of their own, with the indexes and
certificates of this machine's pip; the cgroup manager is named; limits of open files and processes
are not raised.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import yaml
from mlflow_lab import LabError
from mlflow_lab.programs import FROM_LOCK, require

from tests.server.container_engine import Engine

STAND_INS = Path(__file__).with_name("stand_ins")
# Its own defaults are more than a machine that is itself a container may give.
LIMITS = '["nofile=4096:4096", "nproc=4096:4096"]'
ENDED_WITHIN = 120  # seconds, for what watches over a container and ends after it
BASE = "docker.io/library/python:3.11-slim"
# Debian 12 is the one with Python 3.11.
ROOT_FILE_SYSTEM = (
    *("mmdebstrap", "--quiet", "--variant=minbase"),
    "--include=ca-certificates,python-is-python3,python3-pip,python3-venv",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
    "bookworm",
)


@contextmanager
def private_podman(keep: Path, compose_file: Path) -> Iterator[Engine]:
    """Podman with a stand-in for each image that the compose file pulls.

    Args:
        keep: folder; the root file system of Debian stays there, and the storage while this lasts.

    Raises:
        LabError: a program is not installed, or this machine lets Podman run no container.
        AssertionError: a command failed, or something is left at the end.
    """
    for program in ("podman", "runc", "mmdebstrap"):
        require(program, program, "make test-containers")
    weed = require("weed", "SeaweedFS", FROM_LOCK)
    keep.mkdir(parents=True, exist_ok=True)
    for left in keep.glob("storage-*"):
        if not psutil.pid_exists(int(left.name.removeprefix("storage-"))):
            _remove(left)
    storage = keep / f"storage-{os.getpid()}"
    storage.mkdir()
    try:
        engine = _configured(storage)
        engine("import", "--quiet", _debian(keep), BASE)
        try:
            engine("run", "--rm", BASE, "true")
        except AssertionError as error:
            reason = str(error).strip().splitlines()[-1]
            raise LabError(f"Podman cannot run a container on this machine: {reason}") from None
        # The build context of each stand-in is where the lock installed its programs.
        contexts: dict[str, str | Path] = {
            "proxy": STAND_INS,
            "database": sysconfig.get_path("platlib"),
            "store": Path(weed).parent,
        }
        services = yaml.safe_load(compose_file.read_text())["services"]
        for service, context in contexts.items():
            engine(
                *("build", "--quiet", *build_options(storage)),
                *("--file", STAND_INS / f"{service}.Containerfile"),
                f"--build-context=stand-ins={STAND_INS}",
                *("--tag", services[service]["image"], context),
            )
        yield engine
    finally:
        _remove(storage)


def build_options(storage: Path) -> list[str]:
    """Options of `podman build`."""
    mounts = [f"{storage}/pip.conf:/etc/pip.conf:ro", *_pip_folders(_pip_settings())]
    return [
        *("--pull=never", "--isolation=chroot", "--network=host", "--layers=false"),
        "--format=docker",  # the other format has no health checks
        *(f"--volume={mount}" for mount in mounts),
    ]


def _configured(storage: Path) -> Engine:
    settings = "".join(f"{name} = {value}\n" for name, value in _pip_settings().items())
    (storage / "pip.conf").touch(0o600)  # an index may have a password
    (storage / "pip.conf").write_text(f"[global]\n{settings}")
    (storage / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{storage}/graph"\n'
        f'runroot = "{runroot_of(storage)}"\n'
    )
    manager = "systemd" if Path("/run/systemd/system").exists() else "cgroupfs"
    (storage / "containers.conf").write_text(
        f"[containers]\ndefault_ulimits = {LIMITS}\n"
        f'[engine]\nruntime = "runc"\ncgroup_manager = "{manager}"\nevents_logger = "file"\n'
        f'lock_type = "file"\ntmp_dir = "{storage}/tmp"\n'
        f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{storage}/networks"\n'
    )
    environment = {
        "CONTAINERS_STORAGE_CONF": f"{storage}/storage.conf",
        "CONTAINERS_CONF": f"{storage}/containers.conf",
    }
    compose = (sys.executable, "-m", "podman_compose", "--no-ansi")
    build = f"--podman-build-args={' '.join(build_options(storage))}"
    return Engine("podman", (*compose, build), environment)


def runroot_of(storage: Path) -> Path:
    """Podman's runroot for a storage, with a short path; made when it is asked for first.

    Above 50 characters Podman takes a runroot from its settings but not on its command line, where
    its monitor repeats it as a container ends: then no restart policy is followed, and nothing
    says so.
    """
    link = storage / "runroot"
    if not link.is_symlink():
        link.symlink_to(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))
    return link.readlink()


def _debian(keep: Path) -> Path:
    """The root file system of a small Debian with Python, made unless it is kept."""
    key = hashlib.sha256(" ".join(ROOT_FILE_SYSTEM).encode()).hexdigest()[:12]
    made = keep / f"debian-{key}.tar"
    if not made.exists():
        unfinished = keep / f"{os.getpid()}.tar"
        try:
            result = subprocess.run([*ROOT_FILE_SYSTEM, unfinished], capture_output=True, text=True)
            assert result.returncode == 0, f"mmdebstrap failed:\n{result.stderr[-4000:]}"
            unfinished.rename(made)
        finally:
            unfinished.unlink(missing_ok=True)
    return made


@cache
def _pip_settings() -> dict[str, str]:
    """What this machine's pip is configured with, in files and in variables."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    settings = {}
    for line in reversed(listing.splitlines()):  # variables come first and count most
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    return settings


def _pip_folders(settings: dict[str, str]) -> list[str]:
    """Mounts of the folders and files that pip's settings name."""
    words = [word for value in settings.values() for word in value.split()]
    # An index in a folder points at files beside it.
    paths = {str(Path(w.removeprefix("file://")).parent) for w in words if w.startswith("file://")}
    paths |= {word for word in words if word.startswith("/")}
    return [f"{path}:{path}:ro" for path in sorted(paths) if Path(path).exists()]


def _remove(storage: Path) -> None:
    """Ends all containers of a storage and removes it.

    Raises AssertionError when a process or a mount is left.
    """
    podman = _configured(storage)
    # Pods first: that removes the containers of a killed stack in the order of their dependence.
    podman("pod", "rm", "--all", "--force", "--time=0")
    podman("rm", "--all", "--force", "--time=0")
    podman("network", "prune", "--force")
    if os.getuid() == 0:
        # Of a build that was interrupted; inner ones first.
        for mount in reversed(_mounts_below(storage)):
            subprocess.run(["umount", mount], check=True)
    deadline = time.monotonic() + ENDED_WITHIN
    while (left := leftovers_in(storage)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == [], "Podman left: " + ", ".join(left)
    folders = (runroot_of(storage), storage)
    if os.getuid() == 0:
        for folder in folders:
            shutil.rmtree(folder)
    else:  # files of other users of its containers
        podman("unshare", "rm", "-r", *folders)


def leftovers_in(storage: Path) -> list[str]:
    """Processes that were started with a path of this folder, and mounts below it."""
    processes = [
        f"process {process.info['pid']} ({process.info['name']})"
        for process in psutil.process_iter(["pid", "name", "cmdline"])
        if any(str(storage) in word for word in process.info["cmdline"] or ())
    ]
    return processes + [f"mount {mount}" for mount in _mounts_below(storage)]


def _mounts_below(folder: Path) -> list[str]:
    """In the order in which they were made."""
    points = [partition.mountpoint for partition in psutil.disk_partitions(all=True)]
    return [point for point in points if point.startswith(f"{folder}/")]
