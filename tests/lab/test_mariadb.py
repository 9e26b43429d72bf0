"""MariaDB does its work, also for a tracking server, as root and not."""

import os
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
import pymysql
import pytest
from mlflow_lab import LabError, MariaDB, PortInUse, StartFailed, TrackingServer

from tests.lab.footprint import Footprint


def connect(uri: str) -> pymysql.Connection:
    parts = urlsplit(uri)
    assert parts.port is not None and parts.password is not None
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=unquote(parts.path[1:]),
        autocommit=True,
    )


def query(uri: str, statement: str) -> object:
    """First value of the first row, None without rows."""
    with closing(connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return (cursor.fetchone() or (None,))[0]


@pytest.fixture(scope="module")
def database():
    with MariaDB(quiet=True) as component:
        yield component


def test_it_answers_the_role_mlflow_on_its_own_database(database):
    assert (
        query(database.uri, "SELECT concat(current_user(), ' ', database())") == "mlflow@% mlflow"
    )
    assert query(database.superuser_uri, "SELECT current_user()") == "root@127.0.0.1"


def test_the_role_mlflow_is_an_ordinary_one(database):
    seen = query(
        database.uri,
        "SELECT group_concat(schema_name ORDER BY 1) FROM information_schema.schemata "
        "WHERE schema_name IN ('mlflow', 'mysql', 'sys')",
    )
    assert seen == "mlflow"
    with pytest.raises(pymysql.OperationalError, match="denied"):
        query(database.uri, "CREATE DATABASE other")


def test_text_is_utf8_with_four_bytes(database):
    assert query(database.uri, "SELECT @@character_set_database") == "utf8mb4"
    assert query(database.uri, "SELECT concat('한글', '🚀')") == "한글🚀"


@pytest.mark.parametrize("user", ["mlflow", "root"])
@pytest.mark.parametrize("password", ["wrong", ""])
def test_it_refuses_a_wrong_and_a_missing_password(database, user, password):
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(host="127.0.0.1", port=database.port, user=user, password=password)


def test_it_refuses_a_missing_password_also_on_its_socket(database):
    socket = f"{database.folder}/data/mariadb.sock"
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(unix_socket=socket, user="root")


def test_nobody_but_these_accounts_can_log_in(database):
    accounts = query(
        database.superuser_uri,
        "SELECT group_concat(concat(user, '@', host) ORDER BY 1) FROM mysql.user "
        "WHERE user <> 'mariadb.sys'",
    )
    assert isinstance(accounts, str)
    assert set(accounts.split(",")) == {"mlflow@%", "root@127.0.0.1", "root@localhost"}


def test_it_listens_on_this_machine_only(database):
    assert Footprint(database).addresses == {"127.0.0.1"}


def test_it_creates_more_databases_on_request(database):
    uri = database.create_database("auth_2 `%`")
    assert query(uri, "SELECT database()") == "auth_2 `%`"
    query(uri, "CREATE TABLE t (n int)")


def test_two_at_once_do_not_see_each_other(database):
    with MariaDB(quiet=True) as other:
        assert other.port != database.port
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            connect(database.uri.replace(str(database.port), str(other.port)))


def test_options_reach_the_server():
    with MariaDB("--wait-timeout=7", quiet=True) as database:
        assert query(database.uri, "SELECT @@global.wait_timeout") == 7


def test_a_wrong_option_fails_with_the_servers_words():
    with pytest.raises(StartFailed, match="unknown option '--wrong'"):
        MariaDB("--wrong", quiet=True).start()


def test_a_port_that_is_taken_is_named_before_anything_starts(database):
    with pytest.raises(PortInUse, match=f"Port {database.port} .* is taken by mariadbd"):
        MariaDB(port=database.port, quiet=True).start()


def test_a_kept_folder_keeps_data_and_password(open_folder, capfd):
    with MariaDB(folder=open_folder / "db") as first:
        query(first.uri, "CREATE TABLE t AS SELECT '한글' AS answer")
    printed = capfd.readouterr().out
    with MariaDB(folder=open_folder / "db", port=first.port) as second:
        assert second.uri == first.uri
        assert query(second.uri, "SELECT answer FROM t") == "한글"
    printed_again = capfd.readouterr().out

    assert "$ mariadb-install-db --no-defaults" in printed and "CREATE DATABASE `mlflow`" in printed
    assert printed_again.startswith("$ mariadbd --no-defaults --datadir=./data ")
    assert printed_again.replace(" \\\n ", "").count("\n") == 1
    password = urlsplit(first.uri).password
    assert password not in printed + printed_again
    for secret in ("password", "init.sql"):
        assert stat.S_IMODE((open_folder / "db" / secret).stat().st_mode) == 0o600


def test_its_socket_fits_in_a_folder_with_a_long_path(open_folder):
    folder = open_folder / ("long" * 30)
    with MariaDB(folder=folder, quiet=True) as database:
        assert query(database.uri, "SELECT 1") == 1
        assert len(str(folder / "data" / "mariadb.sock")) > 107
    assert not Path(f"{folder}/data/mariadb.sock").exists()


def test_the_callers_option_files_and_temporary_folder_do_not_matter(monkeypatch, tmp_path):
    (tmp_path / ".my.cnf").write_text("[mariadbd]\nwrong-option\n")
    tmp_path.chmod(0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("MYSQL_TCP_PORT", "1")
    with MariaDB(quiet=True) as database:
        assert query(database.uri, "SELECT 1") == 1


def test_a_tracking_server_keeps_a_run_with_korean_text_in_it(database):
    uri = database.create_database("tracking")
    before = mlflow.get_tracking_uri()
    with TrackingServer("--backend-store-uri", uri, quiet=True) as server:
        client = mlflow.MlflowClient(server.uri)
        experiment_id = client.create_experiment("한글 실험 🚀")
        run_id = client.create_run(experiment_id).info.run_id
        client.log_param(run_id, "설명", "첫 학습")
        client.log_metric(run_id, "손실", 0.5)
        run = client.get_run(run_id)
    assert run.data.params == {"설명": "첫 학습"} and run.data.metrics == {"손실": 0.5}
    assert query(uri, "SELECT value FROM params") == "첫 학습"
    assert query(uri, "SELECT name FROM experiments WHERE experiment_id > 0") == "한글 실험 🚀"
    assert mlflow.get_tracking_uri() == before


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="about what happens to root")


@needs_root
def test_root_runs_it_as_another_user(database):
    assert (database.folder / "data").stat().st_uid != 0


@needs_root
def test_a_private_folder_is_refused_with_a_sentence(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(LabError, match="cannot enter the folder 'db'"):
        MariaDB(folder=tmp_path / "db").start()
    assert not (tmp_path / "db").exists()
