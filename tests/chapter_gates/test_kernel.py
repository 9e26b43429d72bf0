"""A chapter runs as it would alone, whatever this process did before."""

import pytest

from tests.chapter_plugin import kernel
from tests.conftest import ROOT


@pytest.mark.parametrize("name", kernel.CHOSEN_ELSEWHERE)
def test_no_experiment_or_run_is_chosen_for_a_chapter(monkeypatch, name):
    monkeypatch.setenv(name, "14")
    assert name not in kernel.variables(ROOT)
