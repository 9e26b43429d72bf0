"""The repository holds sources only, and its files agree with each other."""

import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement

from tests.chapters.particles import detached
from tests.conftest import ROOT


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def outputs_stored_in(path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    code = [(n, cell) for n, cell in enumerate(cells) if cell.cell_type == "code"]
    return [f"cell {n}" for n, cell in code if cell.outputs or cell.execution_count is not None]


@pytest.mark.parametrize("name", tracked("*.ipynb"))
def test_no_output_is_committed(name):
    assert outputs_stored_in(ROOT / name) == []


def machine_paths_in(text: str) -> list[str]:
    """Absolute paths of a person's or a build machine's folders."""
    return re.findall(r"(?<![\w.:/~-])/(?:root|work|Users|home)/[\w.-]+", text)


def test_no_path_of_a_machine_is_committed():
    # A home directory that a deployment file or a container image creates is not a machine's.
    found = {
        name: machine_paths_in((ROOT / name).read_text(errors="replace"))
        for name in tracked()
        if not name.endswith((".png", ".webp", ".pdf")) and name != "tests/test_repository.py"
    }
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_outputs_and_paths_would_be_found(tmp_path):
    cell = nbformat.v4.new_code_cell("1", execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "bad.ipynb")
    assert outputs_stored_in(tmp_path / "bad.ipynb") == ["cell 0"]
    assert machine_paths_in("open('/home/kim/mlruns')") == ["/home/kim"]
    assert machine_paths_in("https://example.com/home/kim") == []


def test_no_space_stands_between_code_and_its_particle():
    """In the pages that are no notebooks; the gates of the chapters see the others."""
    texts = [*tracked("*.md"), "book/find/advisories.yml"]
    assert texts
    found = {name: detached((ROOT / name).read_text()) for name in texts}
    assert {name: spaces for name, spaces in found.items() if spaces} == {}


def test_one_cell_timeout_for_tests_and_book():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    book = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert f"--nbmake-timeout={book['execute']['timeout']}" in options["addopts"]


def test_every_direct_dependency_is_locked_and_has_its_reason():
    lock = (ROOT / "requirements.txt").read_text()
    locked = {
        re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([\w.-]+)==", lock, re.M)
    }
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        requirement, _, reason = line.partition("#")
        assert reason.strip(), f"no reason: {line}"
        if not requirement.startswith("-e"):
            assert Requirement(requirement.strip()).name.lower() in locked, line


def test_make_help_lists_the_targets_that_the_readme_names():
    listing = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = {line.split()[0] for line in listing.stdout.splitlines() if line.strip()}
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()))
    assert {"book", "test", "lab", "server", "bench", "help"} <= targets
    assert named <= targets


def test_python_files_are_linted_and_formatted():
    for command in (["check"], ["format", "--check", "--exclude", "*.ipynb"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_group_of_tests_stays_on_one_worker(request):
    """pytest 9.2 spreads it over all of them, and nothing fails: pytest-xdist, issue 1386."""
    marked = [i.nodeid for i in request.session.items if i.get_closest_marker("xdist_group")]
    if request.config.getoption("loadgroup", default=False):
        assert [name for name in marked if "@" not in name.rpartition("]")[2]] == []
