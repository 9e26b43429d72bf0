"""pytest plugin: a chapter is executed once per change, checked, and kept for the book's build.

nbmake collects and executes the notebooks; this plugin adds one tracking server for the whole
run, the execution cache, and the gates that a chapter has to pass before it is cached.
"""

import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from execution_cache import ExecutionCache
from mlflow_lab import warm_start
from mlflow_lab.patience import patience
from nbformat import NotebookNode
from nbmake import nb_run
from nbmake.pytest_items import NotebookFailedException, NotebookFile, NotebookItem
from table_of_contents import chapters_of_the_book

from tests.chapter_plugin import (
    cold_cells,
    gates,
    kernel,
    leftovers,
    logged_to_server,
    shards,
    tracking,
)
from tests.guide import pointed

nb_run.NotebookClient = cold_cells.Client  # nbmake makes the client of each chapter by this name


class ChapterProblems(Exception):
    """What the gates found in a chapter, one line each, and where the guide has the rule."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(map(pointed, problems)))


class Chapter(NotebookItem):
    """One notebook: executed unless the cache holds its outputs, and checked in both cases."""

    def runtest(self) -> None:
        cache = None if tracking.foreign_server() else ExecutionCache(self.config.rootpath)
        # Before the execution: it does not know what is edited while it runs.
        inputs = cache.inputs(Path(self.path)) if cache else ""
        try:
            self._check(cache, inputs)
        except Exception as problem:  # a kernel that did not start, for instance, is one too
            if cache and not self.config.option.executed_in:
                cache.store_failure(Path(self.path), _reason(problem), inputs)
            raise

    def _check(self, cache: ExecutionCache | None, inputs: str) -> None:
        root, path = self.config.rootpath, Path(self.path)
        problems = gates.check_source(path, root)
        if problems:
            raise ChapterProblems(problems)
        executed = cache.executed(path) if cache else None
        if executed is None and (folder := self.config.option.executed_in):
            reason = cache.failure(path) if cache else None
            raise ChapterProblems([reason or f"no cache in {folder} holds its outputs"])
        if executed is None:
            executed, seconds = self._execute(path, root)
            if cache:
                cache.store(path, executed, seconds, inputs)
        # Not with the source: an author wants to see a page that is half written.
        problems = gates.check_outputs(executed, root) + gates.check_content(path)
        if problems:
            raise ChapterProblems(problems)

    def _execute(self, path: Path, root: Path) -> tuple[NotebookNode, float]:
        """The executed notebook, and the seconds that it took."""
        kernel.begin_nursery()
        before, started = leftovers.Snapshot(root), time.time()
        with kernel.environment(root) as marker:
            result = nb_run.NotebookRun(
                path, round(patience(self.config.option.nbmake_timeout))
            ).execute()
            seconds = time.time() - started
            problems = before.leftovers(path, marker)
        if result.error is not None:
            raise NotebookFailedException(result)
        gates.join_streams(result.nb)
        problems += logged_to_server.check(path, since=started, root=root)
        problems += gates.check_outputs(result.nb, root)
        if problems:
            raise ChapterProblems(problems)
        return result.nb, seconds

    def repr_failure(self, excinfo: pytest.ExceptionInfo, style: Any = None) -> Any:
        if isinstance(excinfo.value, ChapterProblems):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, str(Path(self.path).relative_to(self.config.rootpath))


def _reason(problem: Exception) -> str:
    """What the page of a chapter that did not pass says of it: the cell that failed, its error."""
    if isinstance(problem, NotebookFailedException):
        return problem.args[0].error.trace.lstrip("-\n")
    return str(problem) if isinstance(problem, ChapterProblems) else repr(problem)


class ChapterFile(NotebookFile):
    def collect(self) -> Iterator[Chapter]:
        yield Chapter.from_parent(self, filename=str(self.path))


class ContentsAreComplete(pytest.Item):
    """The chapters that were collected are exactly those that _toc.yml names."""

    def runtest(self) -> None:
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
            raise ChapterProblems(problems)

    def repr_failure(self, excinfo: pytest.ExceptionInfo, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chapters")
    group.addoption(
        "--shard",
        metavar="N/M",
        type=shards.shard,
        help="execute the chapters of shard N of M alone; seconds.json of the plugin cuts them",
    )
    group.addoption(
        "--executed-in",
        metavar="FOLDER",
        help="execute nothing: the caches in FOLDER, one from each shard, hold all outputs",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    collectors = yield
    return [
        ChapterFile.from_parent(parent, path=file_path) if isinstance(c, NotebookFile) else c
        for c in collectors
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    root = config.rootpath
    chapters = {item: Path(item.path) for item in items if isinstance(item, Chapter)}
    if config.option.shard:
        ours = shards.chapters_of_shard(config.option.shard, root)
        others = {item for item, path in chapters.items() if path not in ours}
        config.hook.pytest_deselected(items=[*others])
        items[:] = [item for item in items if item not in others]
    # The longest first, or the last chapter to start would keep one core busy alone.
    seconds = shards.expected_seconds(chapters.values(), root)
    items.sort(key=lambda item: -seconds.get(chapters[item], 0) if item in chapters else 0)
    asked_for_all = root / "notebooks" in _asked_paths(config) and not config.option.shard
    if config.option.nbmake and asked_for_all:
        items.append(ContentsAreComplete.from_parent(session, name="_toc.yml"))


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _asked_paths(config: pytest.Config) -> list[Path]:
    """The files and folders among pytest's arguments."""
    return [(config.invocation_params.dir / a.split("::")[0]).resolve() for a in config.args]


def _chapters_to_execute(config: pytest.Config) -> list[Path]:
    """The chapters among pytest's arguments that the cache has no outputs for."""
    if config.option.executed_in:
        return []
    cache = ExecutionCache(config.rootpath)
    chapters = {
        path
        for folder in _asked_paths(config)
        for path in ([folder] if folder.suffix == ".ipynb" else folder.rglob("*.ipynb"))
    }
    if config.option.shard:
        chapters &= shards.chapters_of_shard(config.option.shard, config.rootpath)
    return [path for path in chapters if path.is_file() and cache.executed_at(path) is None]


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """What `-n auto` starts: two workers more than cores, none when there is nothing to execute.

    A worker waits for a third of its time, for time limits, retries and servers that start.
    """
    if config.option.nbmake and not tracking.foreign_server() and not _chapters_to_execute(config):
        return 0  # starting them takes longer
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:  # the user's choice; xdist reads it
        return None
    # A container may use fewer cores than there are.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 2


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the one tracking server, before any worker exists, if a chapter has to be executed."""
    config = session.config
    if not config.option.nbmake:
        return
    if _is_xdist_worker(config):
        warm_start.begin(kernel.variables(config.rootpath))
        return
    if tracking.foreign_server():
        tracking.require_answer()
        return
    if folder := config.option.executed_in:
        cache = ExecutionCache(config.rootpath)
        chapters = [path for path in chapters_of_the_book(config.rootpath) if path.is_file()]
        for shard in sorted(Path(folder).glob("*/")):
            cache.take_over(ExecutionCache(config.rootpath, shard), chapters)
    if _chapters_to_execute(config):
        warm_start.begin(kernel.variables(config.rootpath))
        config.add_cleanup(tracking.start())


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.option.nbmake and os.environ.get("MLFLOW_TRACKING_URI"):
        return f"tracking server: {os.environ['MLFLOW_TRACKING_URI']}"
    return None
