"""`make bench`: what the pipeline costs, measured in a copy of the repository.

Prints a table and saves it as _build/bench.json. Nothing here is asserted: machines are noisy.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext")]

from execution_cache import ExecutionCache  # noqa: E402
from mlflow_lab.browser import chromium  # noqa: E402

from tests.chapters.contents import chapters_of_the_book, documents_of_the_book  # noqa: E402
from tests.site.first_view import own_pictures, weight  # noqa: E402
from tests.site.visits import visit  # noqa: E402

BIN = Path(sys.executable).parent
EDITED = "notebooks/concepts/run.ipynb"
FIRST_VIEWS = ("book/index", "notebooks/concepts/run", "notebooks/tracking_server/components")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        copy = Path(folder) / "book"
        ignored = shutil.ignore_patterns(
            ".git", ".venv", "_build", "work", "node_modules", "__pycache__"
        )
        shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
        table = measure(copy)
    print(f"\n{'what':<58}{'measured':>12}")
    for what, value in table.items():
        print(f"{what:<58}{value:>12}")
    (ROOT / "_build").mkdir(exist_ok=True)
    (ROOT / "_build" / "bench.json").write_text(json.dumps(table, indent=1) + "\n")
    print("\nsaved as _build/bench.json")


def measure(book: Path) -> dict[str, float | int | str]:
    """Run the pipeline in `book`, a copy without any cache; seconds and bytes, by what they are."""
    cores = os.cpu_count()
    table = {"machine": f"{platform.system()} {platform.machine()}, {cores} cores"}
    print("1/4 every chapter, from nothing", flush=True)
    wall = chapters(book)
    seconds = chapter_seconds(book)
    table |= {f"{name} (s)": round(value, 1) for name, value in sorted(seconds.items())}
    bound = sum(seconds.values()) / cores
    table |= {
        "all chapters, wall (s)": round(wall, 1),
        "bound: sum of chapters / cores (s)": round(bound, 1),
        "wall / bound": round(wall / bound, 2),
        "aim: 1.25 x bound + 20 (s)": round(1.25 * bound + 20, 1),
    }
    print("2/4 the site, from nothing", flush=True)
    table["site, full build (s)"] = round(site(book), 1)
    print("3/4 after an edit of text, of one cell, of nothing", flush=True)
    for what, kind, text in (("text", "markdown", "\n"), ("one cell", "code", "\nNone")):
        edit(book / EDITED, kind, text)
        before = executions(book)
        table[f"after an edit of {what}: chapters + site (s)"] = round(
            chapters(book) + site(book), 1
        )
        changed = sum(before.get(n) != when for n, when in executions(book).items())
        table[f"after an edit of {what}: chapters executed"] = changed
    table["after no edit: chapters + site (s)"] = round(chapters(book) + site(book), 1)
    print("4/4 what a browser loads", flush=True)
    html = book / "_build" / "html"
    for name, (loaded, files) in first_views(html).items():
        table[f"first view of {name} (kB, gzip)"] = round(loaded / 1000)
        table[f"first view of {name} (files)"] = files
    size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
    table["site (MB)"] = round(size / 1e6, 1)
    table["pages"] = len(documents_of_the_book(book))
    return table


def chapters(book: Path) -> float:
    return timed(book, BIN / "pytest", "--nbmake", "-n", "auto", "-q", "notebooks")


def site(book: Path) -> float:
    return timed(book, BIN / "jupyter-book", "build", ".", "--warningiserror", "--keep-going")


def timed(book: Path, *command) -> float:
    environment = {name: v for name, v in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    started = time.monotonic()
    result = subprocess.run(command, cwd=book, env=environment, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")
    return time.monotonic() - started


def chapter_seconds(book: Path) -> dict[str, float]:
    cache = ExecutionCache(book)
    return {str(p.relative_to(book)): cache.seconds(p) for p in chapters_of_the_book(book)}


def executions(book: Path) -> dict[str, object]:
    cache = ExecutionCache(book)
    return {str(p): cache.executed_at(p) for p in chapters_of_the_book(book)}


def edit(notebook: Path, kind: str, text: str) -> None:
    """Append `text` to the last cell of this kind."""
    content = json.loads(notebook.read_text())
    cell = [c for c in content["cells"] if c["cell_type"] == kind][-1]
    cell["source"] = "".join(cell["source"]) + text
    notebook.write_text(json.dumps(content))


def first_views(html: Path) -> dict[str, tuple[int, int]]:
    """Bytes and number of the files that a browser with an empty cache loads for a page."""
    views = {}
    with chromium() as browser:
        for name in FIRST_VIEWS:
            with visit(browser, (html / f"{name}.html").as_uri(), 1366) as visited:
                views[name] = weight(visited.requested, own_pictures(visited.page))
    return views


if __name__ == "__main__":
    main()
