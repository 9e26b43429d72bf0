"""A package like those of nginx or sshd, in a repository of its own that needs no network."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

NAME = "handbook-service"
CONTROL = f"""\
Package: {NAME}
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.com>
Description: a service that its package enables
"""
UNIT = """\
[Service]
ExecStart=/usr/sbin/handbook-service
[Install]
WantedBy=multi-user.target
"""
# What debhelper writes into packages of services, with nothing left out that enables or starts.
POSTINST = f"""\
#!/bin/sh
set -e
deb-systemd-helper unmask {NAME}.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled {NAME}.service; then
  deb-systemd-helper enable {NAME}.service >/dev/null || true
else
  deb-systemd-helper update-state {NAME}.service >/dev/null || true
fi
if [ -d /run/systemd/system ]; then
  deb-systemd-invoke start {NAME}.service >/dev/null || true
fi
"""


@pytest.fixture(autouse=True)
def set_up(monkeypatch):
    """The modules of the set-up can be imported."""
    monkeypatch.syspath_prepend(ROOT / "env" / "setup")


@pytest.fixture(scope="session")
def package(tmp_path_factory) -> Path:
    """The package's file."""
    tree = tmp_path_factory.mktemp("package")
    files = {
        "DEBIAN/control": CONTROL,
        "DEBIAN/postinst": POSTINST,
        f"usr/lib/systemd/system/{NAME}.service": UNIT,
        f"usr/sbin/{NAME}": '#!/bin/sh\necho "$PLACE" "$@"\n',
        "etc/handbook-service.conf": "a=1\n",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for name in ("DEBIAN", "DEBIAN/postinst", f"usr/sbin/{NAME}"):
        (tree / name).chmod(0o755)
    (tree / "etc" / "link.conf").symlink_to("/etc/handbook-service.conf")
    file = tmp_path_factory.mktemp("repository") / f"{NAME}_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, file], check=True)
    return file


@pytest.fixture
def repository(package, tmp_path, monkeypatch) -> None:
    """apt-get knows this one repository alone."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    size = package.stat().st_size
    (package.parent / "Packages").write_text(
        f"{CONTROL}Filename: ./{package.name}\nSize: {size}\nSHA256: {digest}\n"
    )
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{package.parent} ./\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{tmp_path}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
