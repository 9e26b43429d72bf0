"""What `make bench` makes of its rows."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tools import bench, rows
from tools.accounting import Cost
from tools.sides import LOCKS, Side, commit_of_the_work_tree, locked

COST = Cost(0, wall=2.0, cpu_rusage=3.0, cpu_cgroup=6.0, peak_pss=10, peak_cgroup=None, killed=0)


@pytest.fixture
def sides(tmp_path) -> list[Side]:
    for name in ("base", "work"):
        (tmp_path / name).mkdir()
    return [Side("base", "", tmp_path / "base"), Side("work tree", "", tmp_path / "work")]


@pytest.fixture
def measured(tmp_path) -> rows.Bench:
    return rows.Bench(logs=tmp_path)


def test_a_command_that_fails_is_a_row_and_the_others_go_on(monkeypatch, measured, sides, capfd):
    def breaks(bench, side):
        code = (
            "import os; print('because'); raise SystemExit(os.path.basename(os.getcwd()) == 'work')"
        )
        yield rows.figures_of("it", bench.run(side, "it", sys.executable, "-c", code))

    def works(bench, side):
        yield {"a figure": 4 if side.name == "base" else 2}

    monkeypatch.setattr(bench, "ROWS", {"breaks": breaks, "works": works})
    kept = []
    table, failed = bench.measure(
        ["breaks", "works"], measured, sides, lambda table, failed: kept.append(len(table))
    )
    assert kept == [3, 4, 5, 5]  # an interrupted bench has the rows before
    assert failed == ["breaks, work tree"]
    assert table["breaks"] == {"work tree": "failed"}
    assert set(table["it: wall (s)"]) == {"base"}
    assert table["a figure"] == {"base": 4, "work tree": 2}
    assert "because" in capfd.readouterr().err
    shown = bench.text_of(table, ["base", "work tree"]).splitlines()
    assert [line.split()[-2:] for line in shown if line.startswith("breaks")] == [["failed", "-"]]
    assert [line.split()[-1] for line in shown if line.startswith("a figure")] == ["0.50"]


def test_costs_of_commands_that_follow_each_other(measured):
    figures = rows.figures_of("both", COST, COST)
    assert figures == {
        "both: CPU (s)": 12.0,
        "both: wall (s)": 4.0,
        "both: peak memory (MB)": 10 / 1e6,
    }


def test_time_per_added_chapter_is_a_slope():
    seconds = [100.0, *[2.0] * 35]  # what the first one costs alone is no chapter's
    cost = Cost(**vars(COST) | {"cpu_cgroup": 3 * sum(seconds)})
    assert rows.cpu_per_chapter(seconds, cost) == pytest.approx(6.0)


def test_the_work_tree_is_measured_as_it_is():
    listing = ["git", "ls-tree", "-r", "--name-only", commit_of_the_work_tree()]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    kept = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    now = subprocess.run(kept, cwd=ROOT, capture_output=True, text=True, check=True)
    there = {name for name in now.stdout.splitlines() if (ROOT / name).is_file()}
    assert set(names.stdout.splitlines()) == there - {".venv"}


def test_a_side_without_a_lock_of_the_other_needs_its_own_environment(tmp_path):
    for side in ("one", "both"):
        for name in LOCKS[: 1 if side == "one" else 2]:
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text("pinned")
    assert locked(tmp_path / "one") == locked(tmp_path / "one") != locked(tmp_path / "both")


def test_tests_are_chosen_by_whether_they_need_the_site(pytester_like):
    assert pytester_like("no") == ["test_without"]
    assert pytester_like("yes") == ["test_with"]


@pytest.fixture
def pytester_like(tmp_path):
    """Names of the tests of a small file that `--needs-site` leaves."""
    (tmp_path / "test_small.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef site(): pass\n"
        "@pytest.fixture\ndef page(site): pass\n"
        "def test_with(page): pass\n"
        "def test_without(): pass\n"
    )

    def chosen(needs_site: str) -> list[str]:
        options = ["-p", "needs_site", "--needs-site", needs_site, "--collect-only", "-q"]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "--rootdir", tmp_path, *options, tmp_path],
            cwd=tmp_path,
            env={"PYTHONPATH": str(rows.TOOLS), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        return [line.split("::")[1] for line in result.stdout.splitlines() if "::" in line]

    return chosen
