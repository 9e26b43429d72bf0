"""What the chapter on performance shows was measured by the program as it is."""

import json

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_lab import PostgreSQL

from tools.fill_store import fill
from tools.store_costs import RESULT, SIZES, costs, settle
from tools.store_rows import Shape


@pytest.fixture(scope="module")
def stored() -> dict:
    return json.loads(RESULT.read_text())


def test_it_says_on_what_it_was_measured(stored):
    assert int(stored["postgresql"].partition(".")[0]) >= 15
    assert stored["shape"] == vars(Shape())


def test_each_size_has_the_same_calls(stored):
    assert list(stored["runs"]) == [str(size) for size in SIZES]
    first, *others = stored["runs"].values()
    for calls in (first, *others):
        assert list(calls) == list(first)
        for name, cost in calls.items():
            assert set(cost) == {"statements", "rows", "pages"}
            assert min(cost.values()) > 0
            assert cost["statements"] == first[name]["statements"], name


def test_the_program_measures_these_calls(stored):
    with PostgreSQL(quiet=True) as database:
        settle(database.superuser_uri)
        experiment_id = SqlAlchemyStore(database.uri, "s3://b").create_experiment("load")
        fill(database.uri, "load", 110, shape=Shape(models_every=2, traces_every=1))
        measured = costs(database.uri, experiment_id)
        assert measured.keys() == stored["runs"][str(SIZES[0])].keys()
        for name, cost in stored["runs"][str(SIZES[0])].items():
            assert measured[name]["statements"] == cost["statements"], name
