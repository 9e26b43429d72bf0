"""`make page NAME=concepts/run`: one chapter, executed if needed, in a site to look at it.

The site stands in _build/page: the book's own, _build/html, never shows a chapter without outputs
as if that were right. While the chapter is executed, the rest of the site is built.
"""

import os
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).absolute().parents[1]
PART = "notebooks/"


def main(name: str) -> int:
    """Exit code: 1 when the chapter failed or the build warned, 2 when there is no such chapter."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    from table_of_contents import notebooks

    chapters = [document.removeprefix(PART) for document, _, _ in notebooks(ROOT)]
    chapter = name.removeprefix("./").removeprefix(PART).removesuffix(".ipynb")
    if chapter not in chapters:
        near = ", ".join(near_names(chapter, chapters)) or "those in _toc.yml"
        print(f"no chapter '{name}': NAME is one of {near}", file=sys.stderr)
        return 2
    from execution_cache import ExecutionCache  # takes a second

    document = PART + chapter
    print(f"== {document}: executed unless it was; meanwhile the site is built", flush=True)
    environment = {key: v for key, v in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-m", "pytest", "--nbmake", "-q", f"{document}.ipynb"]
    executed = ExecutionCache(ROOT).executed_at(ROOT / f"{document}.ipynb")
    with subprocess.Popen(command, cwd=ROOT, env=environment) as execution:
        failed = build([document] if executed else [])
    if not executed:
        failed = build([document])
    page = ROOT / "_build" / "page" / "html" / f"{document}.html"
    if page.is_file():
        print(f"The page: {page.as_uri()}")
    return int(bool(execution.returncode or failed))


def near_names(chapter: str, chapters: list[str]) -> list[str]:
    """What may have been meant: chapters of that name in any part, or the one most like it."""
    name = PurePosixPath(chapter).name
    same = [known for known in chapters if PurePosixPath(known).name == name]
    return same or get_close_matches(chapter, chapters, n=1, cutoff=0.5)


def build(required: list[str]) -> bool:
    """Build the site; whether a warning or an error came, or one of `required` has no outputs."""
    from jupyter_book.sphinx import build_sphinx

    return bool(
        build_sphinx(
            ROOT,
            ROOT / "_build" / "page" / "html",
            noconfig=True,
            path_config=ROOT / "_config.yml",
            confoverrides={
                "latex_individualpages": False,
                "external_toc_path": str(ROOT / "_toc.yml"),
                "chapters_with_outputs": required,
            },
            tags=["preview"],
            quiet=True,
            warningiserror=True,
            keep_going=True,
            jobs=os.cpu_count(),
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
