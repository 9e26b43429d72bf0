"""The files of the repository agree with each other, and none names a machine."""

import re
import subprocess
import sys
import tomllib

import yaml
from packaging.requirements import Requirement

from tests.chapter_plugin.particles import detached
from tests.conftest import ROOT


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


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


def test_paths_would_be_found():
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
    # Notebooks are linted by the gates of their chapters, which `make page` shows as well.
    options = ["--no-cache", "--exclude", "*.ipynb", "."]
    for command in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *options],
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
