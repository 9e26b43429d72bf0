"""The scripts that the chapter on migration offers lose nothing, whatever goes wrong."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
import sqlalchemy as sa
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow_lab import PostgreSQL

from tests.conftest import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("migration scripts")
CHAPTER = ROOT / "notebooks" / "backend_store" / "migration.ipynb"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Path:
    """A folder with the files that the chapter writes."""
    folder = tmp_path_factory.mktemp("scripts")
    for cell in nbformat.read(CHAPTER, nbformat.NO_CONVERT).cells:
        first, _, text = cell.source.partition("\n")
        if first.startswith("%%writefile"):
            (folder / Path(first.split()[1]).name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A SQLite file with a run, and a JSON null beside a JSON that is not there."""
    file = tmp_path_factory.mktemp("source") / "mlflow.db"
    store = SqlAlchemyStore(f"sqlite:///{file}", "mlflow-artifacts:/")
    experiment = store.create_experiment("검색")
    run_id = store.create_run(experiment, "kim", 1, [], "학습").info.run_id
    metrics = [Metric("loss", float("nan"), 1, 0), Metric("loss", 0.1, 2, 1)]
    store.log_batch(run_id, metrics, [Param("lr", "0.1")], [RunTag("team", "x")])
    store.engine.dispose()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(
            "INSERT INTO evaluation_datasets (dataset_id, name, digest, created_time, "
            "last_update_time) VALUES ('d-1', 'd', 'x', 1, 1)"
        )
        db.execute(
            "INSERT INTO evaluation_dataset_records (dataset_record_id, dataset_id, inputs, "
            "expectations, created_time, last_update_time, input_hash) "
            "VALUES ('r-1', 'd-1', '{\"b\": 1, \"a\": 2}', 'null', 1, 1, 'h')"
        )
    return file


@pytest.fixture(scope="module")
def database():
    with PostgreSQL(quiet=True) as database:
        SqlAlchemyStore(database.create_database("empty"), "mlflow-artifacts:/").engine.dispose()
        yield database


@pytest.fixture
def target(database, request) -> str:
    """The URI of new tables of the same version."""
    name = request.node.name[5:45]
    superuser = sa.create_engine(database.superuser_uri, poolclass=sa.NullPool)
    with superuser.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" OWNER mlflow TEMPLATE empty'))
    return sa.make_url(database.uri).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def run(scripts) -> Callable[..., subprocess.CompletedProcess]:
    def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, scripts / f"{script}.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def rows(uri: str, query: str) -> list[tuple]:
    with sa.create_engine(uri, poolclass=sa.NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def change(file: Path, statement: str, copy: Path) -> str:
    """The URI of a copy of the SQLite file in which the statement was run."""
    with closing(sqlite3.connect(copy)) as db, closing(sqlite3.connect(file)) as original:
        original.backup(db)
        with db:
            db.execute(statement)
    return f"sqlite:///{copy}"


def is_new(uri: str) -> bool:
    counts = "SELECT (SELECT count(*) FROM runs), (SELECT name FROM experiments)"
    return rows(uri, counts) == [(0, "Default")]


def refused(result: subprocess.CompletedProcess) -> str:
    assert (result.returncode, result.stdout) == (1, ""), result
    assert result.stderr.startswith("nothing was copied: ") and "Traceback" not in result.stderr
    return result.stderr


def test_all_is_copied_and_work_goes_on(run, source, target, tmp_path):
    before = tmp_path / "before.json"
    before.write_text(run("table_hashes", f"sqlite:///{source}").stdout)
    assert run("copy_database", f"sqlite:///{source}", target).returncode == 0
    assert "34 of 34 tables are the same" in run("table_hashes", target, str(before)).stdout
    json_is = (
        "SELECT inputs::text, expectations::text, tags IS NULL FROM evaluation_dataset_records"
    )
    assert rows(target, json_is) == [('{"b": 1, "a": 2}', "null", True)]
    assert SqlAlchemyStore(target, "mlflow-artifacts:/").create_experiment("next") == "2"


def test_killed_half_way(run, scripts, source, target):
    lock = sa.create_engine(target, poolclass=sa.NullPool).connect()
    lock.execute(sa.text("LOCK TABLE tags IN SHARE MODE"))  # it can be read, not written
    command = [sys.executable, scripts / "copy_database.py", f"sqlite:///{source}", target]
    copying = subprocess.Popen(command)
    waiting = "SELECT pid FROM pg_locks WHERE NOT granted"
    wait_until(lambda: rows(target, waiting))
    copying.send_signal(signal.SIGKILL)
    copying.wait()
    lock.close()
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
    wait_until(lambda: not rows(target, others + "AND pid <> pg_backend_pid()"))
    assert is_new(target)
    assert run("copy_database", f"sqlite:///{source}", target).returncode == 0


def test_wrong_password(run, source, target):
    before = source.read_bytes()
    wrong = sa.make_url(target).set(password="s3cret").render_as_string(hide_password=False)
    message = refused(run("copy_database", f"sqlite:///{source}", wrong))
    assert "password authentication failed" in message and "s3cret" not in message
    assert is_new(target) and source.read_bytes() == before


def test_target_in_use(run, source, target):
    store = SqlAlchemyStore(target, "mlflow-artifacts:/")
    store.create_run("0", "lee", 1, [], "theirs")
    store.engine.dispose()
    assert "runs of the target has 1 rows" in refused(
        run("copy_database", f"sqlite:///{source}", target)
    )
    assert rows(target, "SELECT name FROM runs") == [("theirs",)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE alembic_version SET version_num = 'x'", "alembic_version of the target"),
        ("UPDATE runs SET name = hex(zeroblob(200))", "runs.name: 1 values do not fit"),
        ("UPDATE params SET value = 'a' || char(0)", "params.value: 1 values do not fit"),
        ("DELETE FROM runs", "refers to a row of runs that is gone"),
    ],
    ids=["revision", "length", "nul", "orphans"],
)
def test_source_at_fault(run, source, target, statement, reason, tmp_path):
    changed = change(source, statement, tmp_path / "changed.db")
    assert reason in refused(run("copy_database", changed, target)) and is_new(target)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE params SET value = '0.2'", "params: 1 rows, other values"),
        ("DELETE FROM tags WHERE key = 'team'", "tags: 2 rows, now 1"),
        ("ALTER TABLE runs DROP COLUMN deleted_time", "runs: 1 rows without deleted_time"),
        ("UPDATE evaluation_dataset_records SET expectations = NULL", "records: 1 rows, other"),
    ],
    ids=["value", "row", "column", "json null"],
)
def test_a_loss_is_found(run, source, statement, table, tmp_path):
    before = tmp_path / "before.json"
    before.write_text(run("table_hashes", f"sqlite:///{source}").stdout)
    changed = change(source, statement, tmp_path / "changed.db")
    result = run("table_hashes", changed, str(before))
    assert result.returncode == 1 and table in result.stdout, result
    assert "33 of 34 tables are the same" in result.stdout
