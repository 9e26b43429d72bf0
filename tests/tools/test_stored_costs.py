"""Each result that a chapter shows says when and with what it was measured."""

import datetime
import json

import mlflow
import pytest

from tools import store_costs, transfer_costs


@pytest.mark.parametrize("program", [store_costs, transfer_costs], ids=lambda p: p.__name__)
def test_it_says_when_and_with_what_it_was_measured(program):
    stored = json.loads(program.RESULT.read_text())
    assert datetime.date.fromisoformat(stored["date"]) > datetime.date(2026, 1, 1)
    assert stored["mlflow"] == mlflow.__version__
