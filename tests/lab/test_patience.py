"""A busy machine is given more time, in proportion to its load."""

import os

import pytest
from mlflow_lab.patience import patience, slowdown
from nbformat.v4 import new_notebook

from tests.chapter_plugin.cold_cells import Client


@pytest.fixture
def loaded(monkeypatch):
    """Sets the load average of the last minute."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    def set_load(average: float) -> None:
        monkeypatch.setattr(os, "getloadavg", lambda: (average, 0.0, 0.0))

    return set_load


def test_an_idle_machine_waits_as_long_as_asked(loaded):
    loaded(0.1)
    assert slowdown() == 1
    assert patience(30) == 30


def test_a_core_that_two_processes_want_takes_twice_as_long(loaded):
    loaded(4.0)
    assert patience(30) == 60


def test_patience_follows_the_load(loaded):
    loaded(2.0)
    before = patience(30)
    loaded(20.0)
    assert patience(30) == 10 * before


def test_the_kernel_of_a_chapter_is_given_more_time_too(loaded):
    loaded(6.0)
    assert Client(new_notebook()).startup_timeout == 180
