"""Set-up starts no service and enables none: listening ports and enabled units stay the same."""

import os
import shutil
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

from tests.setup.conftest import NAME, UNIT

on_debian = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="not Debian or Ubuntu")
# One opens a port that the other must not see.
one_after_the_other = pytest.mark.xdist_group("ports of this machine")
SWITCHED_BY = ("etc/systemd", "etc/rc?.d", "etc/init.d", "etc/cron*", "var/lib/systemd/*enabled*")


def enabled(root: Path = Path("/")) -> set[str]:
    """Links that enable a unit, scripts that the system starts or runs by the clock."""
    folders = [folder for pattern in SWITCHED_BY for folder in root.glob(pattern)]
    return {str(path.relative_to(root)) for folder in folders for path in folder.rglob("*")}


def answering() -> set[int]:
    """TCP ports that answer other machines; other tests open some that do not."""
    every = psutil.net_connections("tcp")
    listening = [c.laddr for c in every if c.status == psutil.CONN_LISTEN and c.laddr]
    return {at.port for at in listening if not ip_address(at.ip).is_loopback}


def a_part():
    from parts import Part

    return Part(
        (NAME,),
        (NAME,),
        environment={"PLACE": "$root"},
        arguments={NAME: "--conf=$root/etc/link.conf"},
    )


def install(package: Path, root: Path, path: str) -> None:
    """Installs the package into a folder, its script with this PATH."""
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/status").touch()
    options = ("--force-not-root", "--force-script-chrootless", "--log=/dev/null")
    command = ["dpkg", f"--root={root}", *options, "--install", str(package)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": path})
    assert (root / "usr/sbin" / NAME).exists()


@one_after_the_other
@on_debian
def test_unpacked_programs_run_and_nothing_is_switched_on(repository, tmp_path):
    import unpack

    before = enabled(), answering()
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    unpack.parts([a_part()], environment)
    assert enabled() == before[0] and answering() <= before[1]
    root = environment / "parts" / NAME
    said = subprocess.run([environment / "bin" / NAME, "x"], capture_output=True, text=True)
    assert said.stdout.split() == [str(root), "x", f"--conf={root}/etc/link.conf"]
    assert (root / "etc" / "link.conf").read_text() == "a=1\n"  # inside, not this machine's
    assert sorted(path.name for path in (environment / "parts").iterdir()) == [NAME]


@on_debian
def test_what_is_fetched_and_where_to_is_said_in_one_line(repository, tmp_path, capfd):
    import unpack

    (tmp_path / "bin").mkdir()
    unpack.parts([a_part()], tmp_path)
    (line,) = [x for x in capfd.readouterr().out.splitlines() if x.startswith("== programs")]
    assert NAME in line and " MB to " in line and "parts" in line


@on_debian
def test_installed_as_usual_it_would_be_enabled(package, tmp_path):
    install(package, tmp_path, os.environ["PATH"])
    assert f"etc/systemd/system/multi-user.target.wants/{NAME}.service" in enabled(tmp_path)


@on_debian
def test_installed_for_containers_it_is_not(package, tmp_path):
    from install import nothing_switched_on

    with nothing_switched_on("apt-get") as (option,):
        path = option.removeprefix("-oDPkg::Path=")
        install(package, tmp_path, path)
    assert enabled(tmp_path) == set()
    assert not Path(path.partition(":")[0]).exists()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no systemd")
@pytest.mark.parametrize("kept_off", [False, True])
def test_a_preset_that_would_enable_it_counts_less(tmp_path, kept_off):
    """What the packages of Rocky Linux ask when they are new: `systemctl preset`."""
    from install import nothing_switched_on

    system = tmp_path / "usr/lib/systemd"
    (system / "system-preset").mkdir(parents=True)
    (system / "system-preset" / "90-default.preset").write_text(f"enable {NAME}.service\n")
    (system / "system").mkdir()
    (system / "system" / f"{NAME}.service").write_text(UNIT)
    with nothing_switched_on("dnf" if kept_off else "brew", root=str(tmp_path)):
        command = ["systemctl", f"--root={tmp_path}", "preset", f"{NAME}.service"]
        subprocess.run(command, check=True, capture_output=True)
    assert bool(enabled(tmp_path)) != kept_off
    assert not list((tmp_path / "run").rglob("*.preset"))


@one_after_the_other
@pytest.mark.skipif(sys.platform == "darwin", reason="only root may ask macOS for all ports")
def test_a_port_that_opens_would_be_noticed():
    before = answering()
    with socket.socket() as service:
        for port in range(2000, 3000):
            try:
                service.bind(("", port))
                break
            except OSError:
                continue
        service.listen()
        assert port in answering() - before
