"""The container for contributors runs what the repository has."""

import json
import re

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / ".devcontainer"


@pytest.fixture(scope="module")
def container() -> dict:
    return json.loads((FOLDER / "devcontainer.json").read_text())


def test_it_makes_a_target_with_a_python_of_the_image(container):
    [(target, python)] = re.findall(r"^make (\w+) PYTHON=(\S+)$", container["postCreateCommand"])
    assert re.search(rf"^{target}: \$\(READY\)", (ROOT / "Makefile").read_text(), re.M)
    assert f"/{python.replace('python', 'python:')}-" in container["image"]
    assert python in (ROOT / "env" / "setup" / "find-python.sh").read_text()


def test_nothing_in_it_runs_as_root(container):
    assert container["remoteUser"] not in ("", "root")


def test_the_ports_of_make_lab_are_forwarded(container):
    [port] = re.findall(r'"PORT", (\d+)', (ROOT / "env" / "setup" / "serve.py").read_text())
    assert container["forwardPorts"] == [int(port), 8888]  # the second: Jupyter's own default
    assert [int(name) for name in container["portsAttributes"]] == container["forwardPorts"]


def test_the_editor_uses_the_environment_that_make_sets_up(container):
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    [binaries] = re.findall(r"^BIN := (.+)", (ROOT / "Makefile").read_text(), re.M)
    assert interpreter == f"${{containerWorkspaceFolder}}/{binaries}/python"
