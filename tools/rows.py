"""The rows of `make bench`: what is measured on a side, and how its figures are called."""

import gzip
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlflow_lab.browser import chromium
from table_of_contents import documents_of_the_book

from tests.site.first_view import own_pictures, weight
from tests.site.visits import LAPTOP, visit
from tests.waiting import patient
from tools import accounting, search_figures
from tools.accounting import Cost
from tools.sides import Side, clone
from tools.site_timings import timings

EDITED = "concepts/run"  # the chapter of `make page`, and the one that is edited
FIRST_VIEWS = ("book/index", "notebooks/concepts/run", "notebooks/tracking_server/components")
# The environment is ready, whatever the times of its files.
MAKE = ("make", "-o", ".venv/.python", "-o", ".venv/.ready")
TOOLS = Path(__file__).parent
_RECORDED = """
import json, sys
from pathlib import Path
sys.path.insert(0, "book/_ext")
from execution_cache import ExecutionCache
cache, root = ExecutionCache(Path(".")), Path(".").resolve()
of = {n: root / f"{n}.ipynb" for n in json.loads(sys.argv[1])}
print(json.dumps({n: [cache.seconds(p), str(cache.executed_at(p))] for n, p in of.items()}))
"""

Figures = Mapping[str, float | None]


class Failed(Exception):
    """A command of a row failed; the row says so."""


@dataclass
class Bench:
    """What the rows share.

    logs: a folder for the output of the commands.
    chapters: names like "concepts/run"; empty means all.
    tests: what pytest is given for the rows of tests.
    costs: every command that was run, by row, what it is and side.
    """

    logs: Path
    chapters: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=lambda: ["tests"])
    costs: dict[str, Cost] = field(default_factory=dict)

    def run(
        self,
        side: Side,
        what: str,
        *command: str,
        folder: Path | None = None,
        path: Sequence[Path] = (),
    ) -> Cost:
        """Raises Failed with the end of the output."""
        log = self.logs / f"{what}-{side.name}.log".replace(" ", "-")
        environment = side.environment
        environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], *map(str, path)])
        cost = accounting.measure(command, log, cwd=folder or side.folder, env=environment)
        self.costs[f"{what}, {side.name}"] = cost
        if cost.returncode:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"exit code {cost.returncode}, see {log}:\n{end}")
        return cost

    def execute_chapters(self, side: Side, what: str) -> Cost:
        wanted = [f"notebooks/{name}.ipynb" for name in self.chapters] or ["notebooks"]
        return self.run(side, what, ".venv/bin/pytest", "--nbmake", "-n", "auto", "-q", *wanted)

    def build_site(self, side: Side, what: str) -> Cost:
        # With some of the chapters only, each of the others is a warning.
        strict = [] if self.chapters else ["--warningiserror"]
        return self.run(
            side, what, ".venv/bin/jupyter-book", "build", ".", "--keep-going", "--quiet", *strict
        )


def figures_of(what: str, *costs: Cost) -> Figures:
    """The three that are compared, of commands that ran one after the other."""
    peaks = [cost.peak_pss for cost in costs if cost.peak_pss is not None]
    return {
        f"{what}: CPU (s)": sum(cost.cpu for cost in costs),
        f"{what}: wall (s)": sum(cost.wall for cost in costs),
        f"{what}: peak memory (MB)": max(peaks) / 1e6 if peaks else None,
    }


def recorded(side: Side) -> dict[str, tuple[float | None, str]]:
    """Seconds and time of each chapter's execution, in reading order; None if there is none."""
    names = [n for n in documents_of_the_book(side.folder) if n.startswith("notebooks/")]
    found = json.loads(side.python(_RECORDED, json.dumps(names)))
    return {name: tuple(pair) for name, pair in found.items()}


def seconds_of_chapters(side: Side) -> dict[str, float]:
    return {name: seconds for name, (seconds, _) in recorded(side).items() if seconds is not None}


def page(bench: Bench, side: Side) -> Iterator[Figures]:
    if "\npage:" not in (side.folder / "Makefile").read_text():
        return
    shutil.rmtree(side.folder / "_build", ignore_errors=True)
    cost = bench.run(side, "page", *MAKE, "page", f"NAME={EDITED}")
    yield figures_of(f"make page NAME={EDITED}", cost)
    own = seconds_of_chapters(side)[f"notebooks/{EDITED}"]
    yield {f"make page NAME={EDITED}: wall / the chapter's own": cost.wall / own}


def chapters(bench: Bench, side: Side) -> Iterator[Figures]:
    shutil.rmtree(side.folder / "_build", ignore_errors=True)
    cost = bench.execute_chapters(side, "chapters")
    yield figures_of("chapters from an empty cache", cost)
    seconds = seconds_of_chapters(side)
    bound = sum(seconds.values()) / (os.cpu_count() or 1)
    yield {
        "chapters: bound, their sum / cores (s)": bound,
        "chapters: wall / bound": cost.wall / bound,
        "chapters: aim, 1.25 x bound + 20 (s)": 1.25 * bound + 20,
    }
    if len(seconds) >= 3:
        yield {"chapters: CPU per added chapter (s)": cpu_per_chapter(list(seconds.values()), cost)}
    yield {f"{name} (s)": value for name, value in sorted(seconds.items())}


def cpu_per_chapter(seconds: list[float], cost: Cost) -> float:
    """Slope of a line through the CPU seconds of the first third, two thirds and all chapters.

    The cache records wall seconds, so the CPU of all is shared out in proportion to them.
    """
    counts = [round(len(seconds) * part / 3) for part in (1, 2, 3)]
    share = cost.cpu / sum(seconds)
    return statistics.linear_regression(counts, [share * sum(seconds[:n]) for n in counts]).slope


def site(bench: Bench, side: Side) -> Iterator[Figures]:
    shutil.rmtree(side.folder / "_build" / "html", ignore_errors=True)
    shutil.rmtree(side.folder / "_build" / ".doctrees", ignore_errors=True)
    yield figures_of("site, full build", bench.build_site(side, "site"))


def edits(bench: Bench, side: Side) -> Iterator[Figures]:
    notebook = side.folder / "notebooks" / f"{(bench.chapters or [EDITED])[0]}.ipynb"
    before = recorded(side)
    for what, kind, text in (
        ("an edit of text", "markdown", "\n"),
        ("an edit of one cell", "code", "\nNone"),
        ("no edit", "code", ""),
    ):
        _edit(notebook, kind, text)
        commands = (
            bench.execute_chapters(side, f"after {what}, chapters"),
            bench.build_site(side, f"after {what}, site"),
        )
        yield figures_of(f"after {what}", *commands)
        now = recorded(side)
        executed = sum(before[name] != now[name] for name in now)
        yield {f"after {what}: chapters executed": executed}
        before = now


def _edit(notebook: Path, kind: str, text: str) -> None:
    """Append `text` to the last cell of this kind."""
    content = json.loads(notebook.read_text())
    cell = [c for c in content["cells"] if c["cell_type"] == kind][-1]
    cell["source"] = "".join(cell["source"]) + text
    notebook.write_text(json.dumps(content))


def views(bench: Bench, side: Side) -> Iterator[Figures]:
    html = side.folder / "_build" / "html"
    with chromium() as browser:
        browser.on("context", patient)
        for name in FIRST_VIEWS:
            with visit(browser, (html / f"{name}.html").as_uri(), LAPTOP) as visited:
                loaded, files = weight(visited.requested, own_pictures(visited.page))
            yield {f"first view of {name}: kB, gzip": loaded / 1000}
            yield {f"first view of {name}: files": files}
    longest = max((html / f"{n}.html" for n in documents_of_the_book(side.folder)), key=_size)
    yield {"longest page: kB, gzip": len(gzip.compress(longest.read_bytes(), 6)) / 1000}
    yield {"site (MB)": sum(_size(path) for path in html.rglob("*") if path.is_file()) / 1e6}
    yield {"pages": len(documents_of_the_book(side.folder))}
    with tempfile.TemporaryDirectory() as scratch:
        yield timings(html, list(FIRST_VIEWS), Path(scratch))


def search(bench: Bench, side: Side) -> Iterator[Figures]:
    yield search_figures.answers(side.folder / "_build" / "html")
    yield search_figures.sizes(side)


def _size(path: Path) -> int:
    return path.stat().st_size


def tests(bench: Bench, side: Side) -> Iterator[Figures]:
    yield figures_of("tests that need no site", _tests(bench, side, "no"))


def pages(bench: Bench, side: Side) -> Iterator[Figures]:
    yield figures_of("tests of the built site", _tests(bench, side, "yes"))


def _tests(bench: Bench, side: Side, needs_site: str) -> Cost:
    selected = ("-p", "needs_site", "--needs-site", needs_site)
    parallel = ("-n", "auto", "--dist", "loadgroup", "--ignore", "tests/server/test_compose.py")
    command = (".venv/bin/pytest", *selected, *parallel, *bench.tests)
    return bench.run(side, f"tests, site {needs_site}", *command, path=[TOOLS])


def remote(bench: Bench, side: Side) -> Iterator[Figures]:
    yield figures_of("make test-remote", bench.run(side, "remote", *MAKE, "test-remote"))


def ci(bench: Bench, side: Side) -> Iterator[Figures]:
    fresh = side.folder.with_name(f"{side.folder.name}-fresh")
    clone(side.commit, fresh)
    # A fresh clone has its own environment, which knows its own mlflow_lab.
    command = ("env", "-u", "PYTHONPATH", ".ci/run")
    yield figures_of(".ci/run in a fresh clone", bench.run(side, "ci", *command, folder=fresh))


Row = Callable[[Bench, Side], Iterator[Figures]]
# In this order: a row may need the outputs and the site that one before it left.
ROWS: dict[str, Row] = {
    row.__name__: row
    for row in (page, chapters, site, edits, views, search, tests, pages, remote, ci)
}
LONG = {"ci"}  # only when asked for
