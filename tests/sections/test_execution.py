"""A section of the book runs as a notebook of its own.

`make test-sections` runs all of them, or those whose labels SECTIONS begins with. `make test` runs
a sample that changes from day to day, of the chapters whose sections are known to run.
"""

import datetime
import os
import random
import tempfile
from functools import cache
from pathlib import Path

import pytest
from chapter_parser import Chapter, Section, read_chapter, read_source
from mlflow_lab import TrackingServer
from section_notebooks import notebook_of
from table_of_contents import notebooks

from tests.chapter_plugin import cold_cells, kernel, leftovers
from tests.chapter_plugin.gates import raised_nothing
from tests.conftest import ROOT

SAMPLE = 20
# Chapters of which some section did not run alone yet; the list only becomes shorter.
NOT_YET = Path(__file__).with_name("not_yet_alone.txt").read_text().split()


@cache
def sections() -> dict[str, tuple[Chapter, Section, Path]]:
    """By label, every section of the book that has code."""
    return {
        section.label: (chapter, section, path)
        for document, path, _ in notebooks(ROOT)
        for chapter in [read_chapter(read_source(path), document)]
        for section in chapter.sections
        if section.label and section.visible_cells
    }


def chosen() -> list[str]:
    """The labels to run: those that SECTIONS names, all, or today's sample."""
    found, asked = sections(), os.environ.get("SECTIONS")
    if asked == "all":
        return [*found]
    if asked:
        return [label for label in found if label.startswith(tuple(asked.split()))]
    known = sorted(
        label for label, (chapter, *_) in found.items() if chapter.document not in NOT_YET
    )
    return random.Random(datetime.date.today().toordinal()).sample(known, min(SAMPLE, len(known)))


@pytest.fixture(scope="module")
def server():
    kernel.begin_nursery()
    with TrackingServer(quiet=True) as server:
        yield server


@pytest.fixture
def folder():
    """A place with the files of the repository, but with work folders of its own."""
    with tempfile.TemporaryDirectory(prefix="section-") as name:
        folder = Path(name)
        # Database servers refuse root and run as another user, who has to pass through this folder.
        folder.chmod(0o711)
        for file in ROOT.iterdir():
            if file.name not in ("notebooks", "_build", ".git"):
                (folder / file.name).symlink_to(file)
        yield folder


def test_what_does_not_run_yet_is_a_chapter():
    assert {*NOT_YET} <= {document for document, _, _ in notebooks(ROOT)}


@pytest.mark.parametrize("label", chosen())
def test_a_section_runs_alone(label, server, folder, cell_timeout, monkeypatch):
    chapter, section, path = sections()[label]
    place = folder / path.parent.relative_to(ROOT)
    place.mkdir(parents=True)
    (place / path.name).symlink_to(path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    before = leftovers.Snapshot(folder)
    with kernel.environment(ROOT) as marker:
        client = cold_cells.Client(
            notebook_of(chapter, section),
            timeout=cell_timeout,
            resources={"metadata": {"path": str(place)}},
        )
        executed = client.execute()
        left = before.leftovers(path, marker)
    assert left == []
    assert [cell.source for cell in executed.cells if raised_nothing(cell)] == []
