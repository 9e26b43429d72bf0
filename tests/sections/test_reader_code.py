"""Visible code is what a reader would write. Older chapters have faults, and ever fewer of them."""

import json
from collections import Counter
from pathlib import Path

import pytest
from chapter_parser import is_hidden

from tests.guide import pointed
from tests.sections.book import CHAPTERS, chapter_of
from tests.sections.reader_code import FAULTS, faults_of, faults_of_a_check

KNOWN = json.loads(Path(__file__).with_name("known_faults.json").read_text())


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("from unittest.mock import patch", ["mock"]),
        ("with patch.dict(os.environ, A='1'):\n    run()", ["mock"]),
        ("from mlflow.tracking._tracking_service.utils import get_store", ["private name"]),
        ("client._tracking_client.store", ["private name"]),
        ("self._own = 1", []),
        ("run.info.run_id, run.info.status", ["bare tuple"]),
        ("run.info.run_id, run.info.status;", []),
        ("a, b = 1, 2\na", []),
        ("%%capture\nos.chdir(work)", ["eval or chdir"]),
        ("%%bash\neval $SETUP", []),
        ("!mlflow --version", []),
    ],
)
def test_faults_are_seen(code, faults):
    assert faults_of(code) == faults


@pytest.mark.parametrize(
    ("code", "is_set_up", "faults"),
    [
        ("assert mlflow.get_run(run_id).data.params", False, []),
        ("assert done.returncode == 0", True, ["hidden set-up"]),
        ("os.environ['A'] = '1'", False, ["hidden set-up"]),
        ("del os.environ['A']", False, ["hidden set-up"]),
        ("os.environ.pop('A', None)", False, ["hidden set-up"]),
        ("assert os.environ['A'] == '1'", False, []),
        ("mlflow.set_tracking_uri(home)", False, ["hidden set-up"]),
        ("%%bash\ncd work", False, []),
    ],
)
def test_faults_of_a_check_are_seen(code, is_set_up, faults):
    assert faults_of_a_check(code, is_set_up) == faults


def faults_of_a_chapter(document: str) -> Counter:
    return Counter(
        fault
        for place, section in enumerate(chapter_of(document).sections)
        for cell in section.cells
        for fault in (
            faults_of_a_check(cell.source, is_set_up=place == 0)
            if is_hidden(cell)
            else faults_of(cell.source)
        )
    )


@pytest.mark.parametrize("document", CHAPTERS)
def test_a_chapter_has_no_more_faults_than_are_known(document):
    assert dict(faults_of_a_chapter(document)) == KNOWN.get(document, {}), pointed(
        "fewer? then lower known_faults.json"
    )


def test_what_is_known_is_a_fault_of_a_chapter():
    assert KNOWN.keys() <= CHAPTERS.keys()
    assert {fault for known in KNOWN.values() for fault in known} <= {*FAULTS, "hidden set-up"}
