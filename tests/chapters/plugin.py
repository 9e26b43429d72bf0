"""pytest plugin: a chapter is executed once per change, checked, and kept for the book's build.

nbmake collects and executes the notebooks; this plugin adds one tracking server for the whole
run, the execution cache, and the gates that a chapter has to pass before it is cached.
"""

import os
import time
from pathlib import Path

import pytest
from execution_cache import ExecutionCache
from nbmake.nb_run import NotebookRun
from nbmake.pytest_items import NotebookFailedException, NotebookFile, NotebookItem

from tests.chapters import arrivals, gates, kernel, leftovers, tracking
from tests.chapters.contents import chapters_of_the_book


class ChapterProblems(Exception):
    """What the gates found in a chapter; one line each."""


class Chapter(NotebookItem):
    """One notebook: executed unless the cache holds its outputs, and checked in both cases."""

    def runtest(self):
        root, path = self.config.rootpath, Path(self.path)
        problems = gates.check_source(path, root)
        if problems:
            raise ChapterProblems("\n".join(problems))
        executed = None if tracking.foreign_server() else ExecutionCache(root).executed(path)
        if executed is None:
            executed = self._execute(path, root)
        problems = gates.check_outputs(executed, root)
        if problems:
            raise ChapterProblems("\n".join(problems))

    def _execute(self, path: Path, root: Path):
        before, started = leftovers.Snapshot(root), time.time()
        with kernel.environment(root) as marker:
            result = NotebookRun(path, self.config.option.nbmake_timeout).execute()
            seconds = time.time() - started
            problems = before.what_was_left(path, marker)
        if result.error is not None:
            raise NotebookFailedException(result)
        gates.join_streams(result.nb)
        problems += arrivals.check(path, since=started, root=root)
        problems += gates.check_outputs(result.nb, root)
        if problems:
            raise ChapterProblems("\n".join(problems))
        if not tracking.foreign_server():
            ExecutionCache(root).store(path, result.nb, seconds)
        return result.nb

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, ChapterProblems):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, str(Path(self.path).relative_to(self.config.rootpath))


class ChapterFile(NotebookFile):
    def collect(self):
        yield Chapter.from_parent(self, filename=str(self.path))


class ContentsAreComplete(pytest.Item):
    """The chapters that were collected are exactly those that _toc.yml names."""

    def runtest(self):
        listed = chapters_of_the_book(self.config.rootpath)
        collected = {Path(item.path) for item in self.session.items if isinstance(item, Chapter)}
        root = self.config.rootpath
        problems = [
            f"{path.relative_to(root)}: collected, but not listed in _toc.yml"
            for path in sorted(collected - listed)
        ] + [
            f"{path.relative_to(root)}: listed in _toc.yml, but not collected"
            for path in sorted(listed - collected)
        ]
        if problems:
            raise ChapterProblems("\n".join(problems))

    def repr_failure(self, excinfo, style=None):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, None, self.name


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collectors = yield
    return [
        ChapterFile.from_parent(parent, path=file_path) if isinstance(c, NotebookFile) else c
        for c in collectors
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    notebooks = config.rootpath / "notebooks"
    # The longest first, or the last chapter to start would keep one core busy alone.
    items.sort(key=lambda item: -_expected_cost(item))
    if config.option.nbmake and notebooks in _asked_paths(config):
        items.append(ContentsAreComplete.from_parent(session, name="_toc.yml"))


def _expected_cost(item) -> int:
    """A rough order: processes cost seconds, cells milliseconds; 0 for what is not a chapter."""
    if not isinstance(item, Chapter):
        return 0
    source = Path(item.path).read_text()
    processes = sum(map(source.count, ("TrackingServer(", "subprocess", "uv pip", "!mlflow")))
    return 1 + source.count('"cell_type": "code"') + 20 * processes


def _is_xdist_worker(config) -> bool:
    return hasattr(config, "workerinput")


def _asked_paths(config) -> list[Path]:
    """The files and folders among pytest's arguments."""
    return [(config.invocation_params.dir / a.split("::")[0]).resolve() for a in config.args]


def _chapters_to_execute(config) -> list[Path]:
    """The chapters among pytest's arguments that the cache has no outputs for."""
    cache = ExecutionCache(config.rootpath)
    chapters = {
        path
        for folder in _asked_paths(config)
        for path in ([folder] if folder.suffix == ".ipynb" else folder.rglob("*.ipynb"))
    }
    return [path for path in chapters if path.is_file() and cache.executed_at(path) is None]


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config):
    """`-n auto` starts no worker when there is nothing to execute: starting them takes longer."""
    if config.option.nbmake and not tracking.foreign_server() and not _chapters_to_execute(config):
        return 0
    return None


def pytest_sessionstart(session):
    """Start the one tracking server, before any worker exists, if a chapter has to be executed."""
    config = session.config
    if _is_xdist_worker(config) or not config.option.nbmake:
        return
    if tracking.foreign_server():
        tracking.require_answer()
        return
    ExecutionCache(config.rootpath).prepare()
    if _chapters_to_execute(config):
        config.add_cleanup(tracking.start())


def pytest_report_header(config):
    if config.option.nbmake and os.environ.get("MLFLOW_TRACKING_URI"):
        return f"tracking server: {os.environ['MLFLOW_TRACKING_URI']}"
    return None
