"""Rules that every GitHub workflow follows, and what its jobs hand to each other.

Expressions and shell are checked by actionlint, a job of the test workflow itself.
"""

import re
import subprocess
import sys
from fnmatch import fnmatch
from itertools import product

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def validate(file) -> subprocess.CompletedProcess:
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, file]
    return subprocess.run(command, capture_output=True, text=True)


def jobs(workflow) -> list[dict]:
    return [job for job in yaml.safe_load(workflow.read_text())["jobs"].values() if "steps" in job]


def artifacts(workflow, verb: str) -> list[str]:
    """Names or patterns of what every job of every matrix uploads or downloads."""
    found = []
    for job in jobs(workflow):
        matrix = job.get("strategy", {}).get("matrix", {})
        given = [
            step["with"]
            for step in job["steps"]
            if step.get("uses", "").startswith(f"actions/{verb}-artifact@")
        ]
        for values, inputs in product(product(*matrix.values()), given):
            name = inputs.get("name") or inputs["pattern"]
            for axis, value in zip(matrix, values, strict=True):
                name = name.replace(f"${{{{ matrix.{axis} }}}}", str(value))
            found.append(name)
    return found


def test_there_are_workflows():
    assert WORKFLOWS


@each_workflow
def test_a_workflow_fits_the_schema(workflow):
    result = validate(workflow)
    assert result.returncode == 0, result.stdout + result.stderr


@each_workflow
def test_actions_are_pinned_by_major_version(workflow):
    used = re.findall(r"uses: (\S+)", workflow.read_text())
    pinned = r"[\w-]+/[\w-]+@v\d+|docker://[\w/-]+:\d+(\.\d+)+"
    assert [name for name in used if not re.fullmatch(pinned, name)] == []


@each_workflow
def test_every_job_ends_in_time(workflow):
    assert [job for job in jobs(workflow) if "timeout-minutes" not in job] == []


@each_workflow
def test_what_a_workflow_makes_is_a_target(workflow):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    commands = [step["run"] for job in jobs(workflow) for step in job["steps"] if "run" in step]
    assert set(re.findall(r"\bmake ([\w-]+)", "\n".join(commands))) <= {*targets}


@each_workflow
def test_the_jobs_of_a_workflow_run_all_shards(workflow):
    for job in jobs(workflow):
        if "SHARD=" in str(job["steps"]):
            matrix = job["strategy"]["matrix"]
            assert [matrix["shard"]] == [[*range(1, number + 1)] for number in matrix["of"]]


@each_workflow
def test_no_job_uploads_over_another(workflow):
    names = artifacts(workflow, "upload")
    assert len(set(names)) == len(names)


@each_workflow
def test_what_is_downloaded_was_uploaded(workflow):
    uploaded = [name for path in WORKFLOWS for name in artifacts(path, "upload")]
    for pattern in artifacts(workflow, "download"):
        assert [name for name in uploaded if fnmatch(name, pattern)], pattern


def test_a_bad_workflow_is_found(tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepz: []\n")
    result = validate(bad)
    assert result.returncode == 1
    assert "stepz" in result.stdout
