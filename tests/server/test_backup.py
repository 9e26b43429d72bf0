"""backup.sh, restore.sh and verify.sh lose nothing, and say in one line why they stop."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg2
import pytest
import requests
from mlflow_lab import PostgreSQL, SeaweedFS, TeamServer

from tests.server.scripts import Machine, installed
from tests.waiting import WITHIN, wait_until

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "darwin", reason="the scripts are for Linux: flock, GNU date"
    ),
    pytest.mark.xdist_group("backup"),
]
API = "/api/2.0/mlflow"
FILES = {"1/a/model.pkl": b"weights" * 10_000, "1/a/메모.txt": "한글".encode(), "1/b/empty": b""}


def query(uri: str, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(uri)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def s3(machine: Machine):
    keys = machine.store.environment
    return boto3.client(
        "s3",
        endpoint_url=machine.store.endpoint_url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def held(machine: Machine) -> dict[str, bytes]:
    """Every object of the machine's bucket."""
    client = s3(machine)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=machine.bucket)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return {k: client.get_object(Bucket=machine.bucket, Key=k)["Body"].read() for k in keys}


def tables(uri: str) -> dict[str, list[tuple]]:
    """Every row of every table."""
    names = query(uri, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name: sorted(query(uri, f'SELECT * FROM "{name}"'), key=repr) for (name,) in names}


@pytest.fixture(scope="module")
def components() -> Iterator[tuple[PostgreSQL, SeaweedFS]]:
    with ExitStack() as stack:
        database = stack.enter_context(PostgreSQL(quiet=True))
        yield database, stack.enter_context(SeaweedFS(quiet=True))


def new(components: tuple[PostgreSQL, SeaweedFS], folder: Path) -> Machine:
    """A machine with an empty database and an empty bucket, its scripts and backups in a folder."""
    name = f"m{os.urandom(4).hex()}"
    scripts = installed(folder / "scripts")
    uri = components[0].create_database(name)
    machine = Machine(scripts, *components, folder / "backups", uri, name)
    s3(machine).create_bucket(Bucket=name)
    return machine


def filled(machine: Machine) -> Machine:
    """The machine, now with a table that refers to another, and files."""
    query(
        machine.uri,
        "CREATE TABLE trace_info (request_id varchar(50) PRIMARY KEY, note text);"
        "INSERT INTO trace_info VALUES ('tr-1', E'two\\nlines'), ('tr-2', '\\.'), ('tr-3', NULL);"
        "CREATE TABLE spans (request_id varchar(50) REFERENCES trace_info, n int)",
    )
    for key, content in FILES.items():
        s3(machine).put_object(Bucket=machine.bucket, Key=key, Body=content)
    return machine


@pytest.fixture
def machine(components, tmp_path) -> Machine:
    return filled(new(components, tmp_path))


@pytest.fixture(scope="module")
def saved(components, tmp_path_factory) -> Machine:
    """One with a backup. Not to be changed."""
    machine = filled(new(components, tmp_path_factory.mktemp("saved")))
    machine.done("backup.sh")
    return machine


@pytest.fixture
def empty(components, saved, tmp_path) -> Machine:
    """A new machine with that backup."""
    shutil.copytree(saved.backups, tmp_path / "backups")
    return new(components, tmp_path)


def same(one: Machine, other: Machine) -> bool:
    return tables(one.uri) == tables(other.uri) and held(one) == held(other)


def stops_after(machine: Machine, program: str, argument: str) -> None:
    """Once it has run with this argument, the program kills the script that called it."""
    folder = machine.scripts.parent / "venv" / "bin"  # the first one where a script looks
    folder.mkdir(parents=True, exist_ok=True)
    real = shutil.which(program, path=machine.environment["PATH"])
    stub = folder / program
    stub.write_text(
        f'#!/bin/sh\n"{real}" "$@" || exit\n'
        f'case "$*" in *{argument}*) rm "$0"; kill -KILL $PPID;; esac\n'
    )
    stub.chmod(0o755)


def call(team: TeamServer, method: str, path: str, **parts) -> requests.Response:
    """A request of the administrator that succeeds."""
    answer = requests.request(
        method,
        f"{team.uri}{path}",
        auth=("admin", team.password),
        verify=str(team.certificate),
        timeout=WITHIN,
        **parts,
    )
    answer.raise_for_status()
    return answer


def as_root(machine: Machine) -> None:
    """The superuser of the database is the user `postgres` of the machine: no password."""
    uri = urlsplit(machine.database.superuser_uri)
    login = (
        f"PGHOST={uri.hostname} PGPORT={uri.port} PGUSER={uri.username} PGPASSWORD={uri.password}"
    )
    stub = machine.scripts.parent / "venv" / "bin" / "runuser"
    stub.parent.mkdir(parents=True)
    stub.write_text(
        f'#!/bin/sh\n[ "$*" != "${{*#-u postgres -- }}" ] || exit 9\nshift 3; {login} exec "$@"\n'
    )
    stub.chmod(0o755)


class Load:
    """A thread that logs runs with a file and a metric, in this order, as an administrator."""

    def __init__(self, team: TeamServer, experiment: str) -> None:
        self.team, self.experiment = team, experiment
        self.logged: dict[str, bytes] = {}  # file of each run whose metric was acknowledged
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> "Load":
        self._logging = self._pool.submit(self._log)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._logging.result()
        self._pool.shutdown()

    def more(self, runs: int) -> list[str]:
        """IDs of all that were logged, once there are so many more."""
        until = len(self.logged) + runs
        wait_until(lambda: len(self.logged) >= until or self._logging.done())
        return list(self.logged)

    def _log(self) -> None:
        while not self._stop.is_set():
            new = {"experiment_id": self.experiment, "start_time": int(time.time() * 1000)}
            run = call(self.team, "POST", f"{API}/runs/create", json=new).json()["run"]["info"]
            content = os.urandom(50_000)
            path = run["artifact_uri"].removeprefix("mlflow-artifacts:/") + "/weights.bin"
            call(self.team, "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", data=content)
            metric = {"run_id": run["run_id"], "key": "logged", "value": 1, "timestamp": 1}
            call(self.team, "POST", f"{API}/runs/log-metric", json=metric)
            self.logged[run["run_id"]] = content


def test_what_was_logged_before_a_backup_under_load_comes_back(team, components, tmp_path):
    """Nothing of it is lost on a new machine, and no row is there without its file."""
    empty = new(components, tmp_path)
    source = Machine(empty.scripts, team.database, team.store, empty.backups, team.database.uri)
    drill = {"name": f"drill {os.urandom(3).hex()}"}
    answer = call(team, "POST", f"{API}/experiments/create", json=drill)
    with Load(team, answer.json()["experiment_id"]) as load:
        before = load.more(3)
        said = source.done("backup.sh")
        load.more(1)
    [backup] = empty.whole()
    assert 3 <= len(before) < len(load.logged)

    restored = empty.done("restore.sh")
    assert "all as in the backup" in restored
    assert "the server holds the same" in empty.done("verify.sh", "--stack")
    figures = r"(\d+) rows in (\d+) tables, (\d+) artifacts of \d+ bytes"
    [(rows, kinds, objects)] = re.findall(figures, restored)
    assert f"{backup}: {rows} rows in {kinds} tables, {objects} artifacts" in said
    there = tables(empty.uri)
    assert (sum(map(len, there.values())), len(there)) == (int(rows), int(kinds))
    files = {key.split("/")[1]: content for key, content in held(empty).items() if "weights" in key}
    complete = {
        run for (run,) in query(empty.uri, "SELECT run_uuid FROM metrics WHERE key = 'logged'")
    }
    lost = [run for run in before if run not in complete or files[run] != load.logged[run]]
    assert lost == []
    assert [run for run in complete if run not in files] == []
    users = query(empty.uri, "SELECT username, password_hash FROM users")
    assert set(users) <= set(query(team.database.uri, "SELECT username, password_hash FROM users"))
    assert "admin" in dict(users)


def test_a_backup_is_for_its_owner_alone_and_says_when_it_was_made(machine):
    began = time.time()
    machine.done("backup.sh")
    [backup] = machine.whole()
    files = [path for path in machine.backups.rglob("*") if path.name != "mlflow_backup.prom"]
    assert {path.stat().st_mode & 0o077 for path in [machine.backups, *files]} == {0}
    metrics = machine.backups / "mlflow_backup.prom"
    assert metrics.stat().st_mode & 0o777 == 0o644
    lines = [line.split() for line in metrics.read_text().splitlines() if line[0] != "#"]
    values = {name: float(value) for name, value in lines}
    dump = (machine.backups / backup / "database.dump").stat().st_size
    assert values.pop("mlflow_backup_bytes") == dump + sum(map(len, FILES.values()))
    assert int(began) <= values.pop("mlflow_backup_last_success_timestamp_seconds") <= time.time()
    assert values == {}


def test_files_are_copied_once_and_kept_while_a_backup_has_them(machine):
    def objects() -> set[str]:
        return {path.name for path in machine.backups.glob("objects/*/*")}

    def sha256(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    assert "3 artifacts (3 copied" in machine.done("backup.sh")
    [first] = machine.whole()
    old = machine.backups / "2020-01-01T000000Z"
    (machine.backups / first).rename(old)
    client = s3(machine)
    client.put_object(Bucket=machine.bucket, Key="1/a/model.pkl", Body=b"replaced")
    client.delete_object(Bucket=machine.bucket, Key="1/b/empty")
    said = machine.done("backup.sh", BACKUP_DAYS="100000")
    assert "2 artifacts (1 copied" in said
    assert objects() == {sha256(content) for content in (*FILES.values(), b"replaced")}
    time.sleep(1 - time.time() % 1)  # names tell seconds
    machine.done("backup.sh")
    assert not old.exists() and len(machine.whole()) == 2
    assert objects() == {sha256(b"replaced"), sha256(FILES["1/a/메모.txt"])}
    assert "is whole" in machine.done("verify.sh")


@pytest.mark.parametrize(
    ("program", "argument"), [("pg_dump", "custom"), ("python", "copy")], ids=["dump", "files"]
)
def test_a_backup_that_was_killed_looks_like_none(machine, program, argument):
    stops_after(machine, program, argument)
    assert machine.run("backup.sh").returncode == -9
    assert [path.name for path in machine.backups.glob("2*.partial")] and machine.whole() == []
    assert "there is no backup in" in machine.refused("verify.sh")
    assert "3 artifacts" in machine.done("backup.sh")
    assert not [*machine.backups.glob("*.partial")]
    assert "is whole" in machine.done("verify.sh")


def test_a_restore_that_was_killed_is_started_again(saved, empty):
    for program, argument in [("python", "put"), ("pg_restore", "single-transaction")]:
        stops_after(empty, program, argument)
        assert empty.run("restore.sh").returncode == -9
        assert tables(empty.uri) == {}  # a server that started now would not find the half of it
        s3(empty).delete_object(Bucket=empty.bucket, Key="1/a/model.pkl")  # as if not reached
    empty.done("restore.sh")
    assert same(saved, empty)
    left = f"SELECT datname FROM pg_database WHERE datname LIKE '{empty.bucket}_%'"
    assert query(empty.database.superuser_uri, left) == []


@pytest.mark.parametrize("kilobytes", [1, 32], ids=["dump", "files"])
def test_on_a_full_disk_nothing_is_left(machine, kilobytes):
    """A limit for the size of files is what a test can have without a disk of its own."""
    script = f"trap '' XFSZ; ulimit -f {kilobytes}; exec bash {machine.scripts}/backup.sh"
    result = subprocess.run(
        ["bash", "-c", script], env=machine.environment, capture_output=True, text=True
    )
    assert result.returncode == 1
    step = r"reading the dump back \(is the disk full\?\)|dumping the database"
    step = step if kilobytes == 1 else "copying the artifacts: .* File too large"
    assert re.fullmatch(rf"backup.sh: no backup was made: ({step}).*\n", result.stderr)
    assert [path.name for path in machine.backups.iterdir() if path.name[0] == "2"] == []
    assert "3 artifacts" in machine.done("backup.sh")


def test_a_wrong_password_or_key_is_said_and_not_shown(machine):
    wrong = re.sub(":[0-9a-f]{32}@", ":other@", machine.uri)
    said = machine.refused("backup.sh", MLFLOW_BACKEND_STORE_URI=wrong)
    assert "no backup was made: dumping the database: " in said
    assert 'password authentication failed for user "mlflow"' in said
    said = machine.refused("backup.sh", AWS_SECRET_ACCESS_KEY="other")
    assert "no backup was made: copying the artifacts: " in said
    assert "SignatureDoesNotMatch" in said and "other" not in said
    assert machine.whole() == []


def test_a_server_with_data_is_left_alone(saved, empty):
    before = tables(saved.uri), held(saved)
    assert (
        f"nothing was restored: the database {saved.bucket} is not empty: "
        "2 tables, public.spans public.trace_info ..." in saved.refused("restore.sh")
    )
    assert (tables(saved.uri), held(saved)) == before
    s3(empty).put_object(Bucket=empty.bucket, Key="7/own.bin", Body=b"mine")
    said = empty.refused("restore.sh")
    assert said.endswith("the store is not empty: 1 other objects, 7/own.bin ...")
    assert tables(empty.uri) == {} and held(empty) == {"7/own.bin": b"mine"}


def test_no_replica_works_while_the_databases_are_exchanged(empty):
    with closing(psycopg2.connect(empty.uri)):
        assert "1 connections to the database" in empty.refused("restore.sh")
    assert tables(empty.uri) == {} and held(empty) == {}


def test_a_damaged_backup_is_found_before_anything_is_changed(empty):
    [backup] = empty.whole()

    def complaint() -> str:
        """The same of both."""
        said = empty.refused("verify.sh").removeprefix("verify.sh: not verified: ")
        assert empty.refused("restore.sh") == f"restore.sh: nothing was restored: {said}"
        return said

    manifest = (empty.backups / backup / "artifacts.jsonl").read_text().splitlines()
    [largest] = [e for e in map(json.loads, manifest) if e["key"] == "1/a/model.pkl"]
    file = empty.backups / "objects" / largest["sha256"][:2] / largest["sha256"]
    good = file.read_bytes()
    file.write_bytes(b"X" + good[1:])
    assert f"1 of 3 artifacts in {backup} are missing or damaged: 1/a/model.pkl" in complaint()
    file.unlink()
    assert "1/a/model.pkl (No such file or directory)" in complaint()
    file.write_bytes(good)
    assert "is whole" in empty.done("verify.sh")
    dump = empty.backups / backup / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-200])
    assert "database.dump, rows or artifacts.jsonl is missing or not as it was" in complaint()
    assert tables(empty.uri) == {} and held(empty) == {}


def test_verify_tells_a_server_that_differs(machine):
    machine.done("backup.sh")
    assert "holds the same" in machine.done("verify.sh", "--stack")
    query(machine.uri, "INSERT INTO trace_info VALUES ('tr-4', '')")
    said = machine.refused("verify.sh", "--stack")
    assert "< public.trace_info 4;> public.trace_info 3" in said
    query(machine.uri, "DELETE FROM trace_info WHERE request_id = 'tr-4'")
    s3(machine).put_object(Bucket=machine.bucket, Key="1/a/model.pkl", Body=b"other")
    assert "1/a/model.pkl (other bytes)" in machine.refused("verify.sh", "--stack")


def test_an_upgrade_is_taken_back_although_it_made_tables_that_refer_to_old_ones(machine):
    machine.done("backup.sh")
    [backup] = machine.whole()
    before = tables(machine.uri)
    query(
        machine.uri,
        "CREATE TABLE trace_metrics (request_id varchar(50) REFERENCES trace_info, value float);"
        "INSERT INTO trace_metrics VALUES ('tr-1', 1);"
        "ALTER TABLE trace_info ADD COLUMN later int; DELETE FROM trace_info WHERE note IS NULL",
    )
    upgraded, files = tables(machine.uri), held(machine)
    dump = machine.backups / backup / "database.dump"
    clean = ("pg_restore", "--clean", "--if-exists", "--exit-on-error", "--single-transaction")
    command = [*clean, "--dbname", machine.uri, dump]
    over = subprocess.run(command, env=machine.environment, capture_output=True, text=True)
    assert "other objects depend on it" in over.stderr  # the way that does not work

    assert "which one" in machine.refused("restore.sh", "--rollback")
    as_root(machine)
    said = machine.done("restore.sh", "--rollback", backup, ADMIN_URI="")
    assert tables(machine.uri) == before and held(machine) == files
    kept = said.rpartition(" kept as ")[2]
    assert tables(machine.uri.replace(machine.bucket, kept)) == upgraded


def test_nothing_is_removed_while_a_backup_is_made(empty):
    """`flock lock mlflow gc` waits for it, and it does not begin beside that."""
    with (empty.backups / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for script in ("backup.sh", "restore.sh"):
            assert "another backup, restore or mlflow gc holds" in empty.refused(script)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MLFLOW_ARTIFACTS_DESTINATION", "/srv/artifacts", "/srv/artifacts is no bucket (s3://)"),
        (
            "MLFLOW_BACKEND_STORE_URI",
            "mysql://me:secret@db/mlflow",
            "is no address of a PostgreSQL",
        ),
        ("BACKUP_DAYS", "two weeks", "BACKUP_DAYS is no number of days: two weeks"),
    ],
)
def test_what_it_cannot_save_is_said(machine, name, value, said):
    complaint = machine.refused("backup.sh", **{name: value})
    assert said in complaint and "secret" not in complaint
    assert machine.whole() == []
