"""What set-up gets: nothing that is there, and only what the purpose needs."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


def test_nothing_is_got_that_is_there():
    """Set-up is silent, and changes nothing, on a complete machine."""
    script = ROOT / "env" / "setup" / "get_parts.py"
    result = subprocess.run([sys.executable, script, "book"], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_without_a_package_manager_it_says_what_is_missing(monkeypatch):
    import get_parts
    import parts

    monkeypatch.setattr(parts, "find", lambda name: None)
    monkeypatch.setattr(get_parts, "_is_ubuntu", lambda: False)
    monkeypatch.setattr(get_parts.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit) as end:
        get_parts.main("book")
    assert "nginx" in str(end.value) and "chromium" in str(end.value)
    assert "mmdebstrap" not in str(end.value)  # for containers


def test_what_is_installed_is_not_hidden_by_what_was_unpacked(monkeypatch, tmp_path):
    import get_parts
    from parts import Part

    part = Part(("handbook-program",), ("handbook-package",))
    installed = []
    monkeypatch.setattr(get_parts, "PARTS", {"containers": (part,)})
    monkeypatch.setattr(get_parts, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(get_parts.shutil, "which", lambda name, **_: name == "apt-get")
    monkeypatch.setattr(get_parts.install, "packages", lambda _, names: installed.extend(names))
    unpacked = tmp_path / "bin" / part.name
    unpacked.parent.mkdir()
    unpacked.touch()
    get_parts.main("containers")
    assert installed == ["handbook-package"] and not unpacked.exists()


def test_a_program_from_npm_is_started_with_the_node_that_is_there(monkeypatch, tmp_path):
    import get_parts
    from parts import Part

    part = Part(("handbook-program",), npm="handbook-package@1.0")
    monkeypatch.setattr(get_parts, "PARTS", {"book": (part,)})
    monkeypatch.setattr(get_parts, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(get_parts, "find", lambda name: f"/somewhere/{name}")
    commands: list[list[str]] = []
    monkeypatch.setattr(get_parts.subprocess, "run", lambda c, **_: commands.append(c))
    (tmp_path / "bin").mkdir()
    get_parts.main("book")
    (command,) = commands
    assert command[:2] == ["/somewhere/npm", "install"] and command[-1] == "handbook-package@1.0"
    assert "--ignore-scripts" in command
    script = tmp_path / "parts/handbook-program/node_modules/.bin/handbook-program"
    program = tmp_path / "bin" / "handbook-program"
    assert f'exec "/somewhere/node" "{script}" "$@"' in program.read_text()
    assert program.stat().st_mode & 0o111


def test_on_ubuntu_chromium_is_left_to_the_reader(monkeypatch):
    """Its package there is a stub that installs a snap, whose service stays."""
    import get_parts
    import unpack

    (chromium,) = [part for part in get_parts.PARTS["book"] if part.snap]
    curl = next(part for part in get_parts.PARTS["book"] if part.name == "curl")
    for part in (chromium, curl):
        monkeypatch.setattr(type(part), "there", lambda self: False)
    unpacked = []
    monkeypatch.setattr(get_parts, "PARTS", {"book": (chromium, curl)})
    monkeypatch.setattr(get_parts, "_is_ubuntu", lambda: True)
    monkeypatch.setattr(get_parts, "_install_wheel", lambda wheel: None)
    monkeypatch.setattr(get_parts.shutil, "which", lambda name: name)
    monkeypatch.setattr(unpack, "parts", lambda parts, environment: unpacked.extend(parts))
    with pytest.raises(SystemExit, match="sudo snap install chromium"):
        get_parts.main("book")
    assert unpacked == [curl]


@pytest.mark.parametrize("target", ["lab", "server"])
def test_lab_and_server_need_python_alone(target):
    command = ["make", "--dry-run", "--always-make", target]
    commands = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "uv pip install" in commands and "get_parts.py book" not in commands
