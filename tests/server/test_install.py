"""The scripts of env/server that install it lay what the unit and nginx look for, and no more."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from dotenv import dotenv_values
from mlflow_lab import PostgreSQL

from tests.conftest import ROOT

SERVER = ROOT / "env" / "server"
SCRIPTS = sorted(SERVER.glob("*.sh"))
EXAMPLE = dotenv_values(SERVER / ".env.example")
HOST = "mlflow.example.com"


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess:
    """The command, with only these variables of ours."""
    environment = {k: v for k, v in os.environ.items() if k not in EXAMPLE} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def done(*command: str | Path, **variables: str) -> str:
    result = run(*command, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def modes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): oct(p.stat().st_mode)[-3:] for p in files}


@pytest.fixture
def path_without_packages(tmp_path) -> str:
    """A PATH on which `uv` only says that it was called: installing packages is a chapter's."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").write_text('#!/bin/sh\necho "$@" >> "$UV_CALLS"\n')
    (programs / "uv").chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"


@pytest.fixture
def install(tmp_path, path_without_packages):
    """Runs install-systemd.sh into tmp_path/root."""

    def install(**variables: str) -> str:
        given = {"DESTDIR": str(tmp_path / "root"), "PATH": path_without_packages}
        given |= {"PYTHON": "python3", "UV_CALLS": str(tmp_path / "calls")}
        return done(SERVER / "install-systemd.sh", HOST, **(given | variables))

    return install


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_syntax_is_right(script):
    assert run("bash", "-n", script).stderr == ""
    if shutil.which("shellcheck"):
        assert run("shellcheck", script).stdout == ""


def test_new_settings_have_a_secret_each_and_are_never_overwritten(tmp_path):
    file = tmp_path / ".env"
    done("sh", SERVER / "new-env.sh", file, HOST, AWS_ACCESS_KEY_ID="mine", POSTGRES_PASSWORD="")
    settings = dotenv_values(file)
    assert settings.keys() == EXAMPLE.keys()
    assert file.stat().st_mode & 0o777 == 0o600
    assert settings["MLFLOW_SERVER_ALLOWED_HOSTS"] == HOST
    assert (settings["AWS_ACCESS_KEY_ID"], settings["POSTGRES_PASSWORD"]) == ("mine", "")
    made = [v for n, v in settings.items() if re.fullmatch("[0-9a-f]{48}", v)]
    assert len(made) == len(set(made)) == 3
    same = {n for n, value in EXAMPLE.items() if value} - {"MLFLOW_SERVER_ALLOWED_HOSTS"}
    assert {n: settings[n] for n in same} == {n: EXAMPLE[n] for n in same}
    assert run("sh", SERVER / "new-env.sh", file, "other.example.com").returncode != 0
    assert dotenv_values(file) == settings


@pytest.mark.parametrize(
    ("host", "option"), [(HOST, "-verify_hostname"), ("10.0.0.7", "-verify_ip")]
)
def test_a_certificate_is_renewed_under_the_same_authority(tmp_path, host, option):
    ca, tls = tmp_path / "ca", tmp_path / "tls"
    seen = []
    for _ in range(2):
        done("sh", SERVER / "new-certificate.sh", ca, tls, host)
        verify = ("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile")
        done(*verify, ca / "ca.crt", option, host, tls / "mlflow.crt")
        seen.append(((ca / "ca.crt").read_text(), (tls / "mlflow.crt").read_text()))
    assert seen[0][0] == seen[1][0] and seen[0][1] != seen[1][1]
    assert modes(tmp_path) == {
        "ca/ca.key": "600",
        "ca/ca.crt": "644",
        "tls/mlflow.key": "600",
        "tls/mlflow.crt": "644",
    }


def test_the_files_lie_where_the_unit_and_nginx_look_for_them(tmp_path, install):
    install(PORTS="5000 5001 5002")
    root = tmp_path / "root"
    laid = modes(root)
    assert {n for n, mode in laid.items() if mode != "644"} == {
        "etc/mlflow/mlflow.env",
        "etc/mlflow/ca/ca.key",
        "etc/nginx/tls/mlflow.key",
    }
    unit = (root / "etc/systemd/system/mlflow@.service").read_text()
    conf = (root / "etc/nginx/conf.d/mlflow.conf").read_text()
    named = re.findall(r"^EnvironmentFile=/(\S+)$|^ExecStart=\S+ /(\S+)$", unit, re.MULTILINE)
    named += re.findall(r"ssl_certificate(?:_key)? /(\S+)()\;", conf)
    assert len(named) == 4
    assert {a or b for a, b in named} <= laid.keys()
    upstream = re.search(r"upstream mlflow \{.*?^\}", conf, re.DOTALL | re.MULTILINE)[0]
    assert re.findall(r"server (\S+) max_fails", upstream) == [
        *("127.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1:5002"),
    ]
    original = (SERVER / "nginx.conf").read_text().splitlines()
    assert [line for line in original if line not in conf.splitlines()] == [
        line for line in original if line.startswith("    server mlflow-")
    ]
    calls = (tmp_path / "calls").read_text()
    assert f"--constraint {root}/opt/mlflow/constraints.txt" in calls
    assert "--requirement" in calls and "packages.txt" in calls


def test_the_settings_fit_the_database_and_wait_for_the_store(tmp_path, install):
    said = install()
    settings = dotenv_values(tmp_path / "root/etc/mlflow/mlflow.env")
    password = settings["POSTGRES_PASSWORD"]
    assert settings["MLFLOW_BACKEND_STORE_URI"] == (
        f"postgresql://mlflow:{password}@127.0.0.1:5432/mlflow"
    )
    assert settings["AWS_ACCESS_KEY_ID"] == settings["AWS_SECRET_ACCESS_KEY"] == ""
    assert "AWS_SECRET_ACCESS_KEY" in said and password not in said


def test_installed_again_settings_and_certificate_stay(tmp_path, install):
    install()
    root = tmp_path / "root"
    (root / "opt/mlflow/server/start.sh").write_text("old")
    stay = [root / "etc" / name for name in ("mlflow/mlflow.env", "nginx/tls/mlflow.crt")]
    before = [path.read_text() for path in stay]
    install()
    assert [path.read_text() for path in stay] == before
    assert (root / "opt/mlflow/server/start.sh").read_text() == (SERVER / "start.sh").read_text()


def test_installed_again_it_keeps_its_replicas(tmp_path, install):
    conf = tmp_path / "root/etc/nginx/conf.d/mlflow.conf"

    def replicas(**variables: str) -> list[str]:
        said = install(**variables)
        ports = re.findall(r"server 127\.0\.0\.1:(\d+) ", conf.read_text())
        assert " ".join(f"mlflow@{port}" for port in ports) in said
        return ports

    assert replicas() == ["5000", "5001"]
    assert replicas(PORTS="5000 5001 5002") == ["5000", "5001", "5002"]
    assert replicas() == ["5000", "5001", "5002"]
    assert replicas(PORTS="5000") == ["5000"]


def test_removed_it_leaves_settings_and_with_purge_nothing(tmp_path, install):
    install()
    root = tmp_path / "root"
    done(SERVER / "remove-systemd.sh", DESTDIR=str(root))
    assert modes(root).keys() == {
        *("etc/mlflow/mlflow.env", "etc/mlflow/ca/ca.key", "etc/mlflow/ca/ca.crt"),
        *("etc/nginx/tls/mlflow.key", "etc/nginx/tls/mlflow.crt"),
    }
    done(SERVER / "remove-systemd.sh", "--purge", DESTDIR=str(root))
    assert modes(root) == {}


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no systemd")
def test_removed_no_replica_starts_with_the_machine(tmp_path, install):
    install()
    root = tmp_path / "root"
    done("systemctl", f"--root={root}", "enable", "mlflow@5001", "mlflow@5002")
    links = root / "etc/systemd/system/multi-user.target.wants"
    assert sorted(os.listdir(links)) == ["mlflow@5001.service", "mlflow@5002.service"]
    done(SERVER / "remove-systemd.sh", DESTDIR=str(root))
    assert not links.exists() or os.listdir(links) == []


def test_compose_gets_its_files_once(tmp_path):
    own = shutil.ignore_patterns(".env", "tls", "ca")
    folder = shutil.copytree(SERVER, tmp_path / "server", ignore=own)
    made = [".env", "ca/ca.crt", "tls/mlflow.crt", "tls/mlflow.key"]
    seen = []
    for _ in range(2):
        done(folder / "install-compose.sh", HOST, FILES_ONLY="1")
        seen.append([(folder / name).read_text() for name in made])
    assert seen[0] == seen[1]
    assert all(v for n, v in dotenv_values(folder / ".env").items() if re.search("KEY|PASS", n))


def psql(database: PostgreSQL, **variables: str) -> None:
    uri = database.superuser_uri.rsplit("/", 1)[0] + "/postgres"
    program = shutil.which("psql") or pytest.skip("psql is not installed")
    text = (SERVER / "database.sql").read_text()
    result = subprocess.run(
        [program, "--quiet", "--no-psqlrc", uri],
        input=text,
        env=os.environ | variables,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr


def test_the_role_owns_its_database_and_its_password_can_be_changed():
    with PostgreSQL(quiet=True) as database:
        database._execute("DROP DATABASE mlflow")
        database._execute("DROP ROLE mlflow")
        for password in ("it's one", "another"):
            psql(database, POSTGRES_PASSWORD=password)
            place = {"host": "127.0.0.1", "port": database.port, "dbname": "mlflow"}
            connection = psycopg2.connect(user="mlflow", password=password, **place)
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS kept ()")
                cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'mlflow'")
                assert cursor.fetchall() == [(False,)]
            connection.close()


def test_rockys_way_to_log_in_is_exchanged():
    """postgresql-setup writes `ident` for the machine's own addresses."""
    text = (SERVER / "install-systemd.sh").read_text()
    [change] = re.findall(r"sed -i -E '(.*)' /var/lib/pgsql/data/pg_hba.conf", text)
    rocky = (
        "local   all   all                   peer\n"
        "host    all   all   127.0.0.1/32    ident\n"
        "host    all   all   ::1/128         ident\n"
    )
    changed = subprocess.run(["sed", "-E", change], input=rocky, capture_output=True, text=True)
    assert changed.stdout == rocky.replace("ident", "scram-sha-256")
