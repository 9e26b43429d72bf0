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
from tests.server import scripts

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

    def install(host: str = HOST, **variables: str) -> str:
        """What it said, on both of its outputs."""
        given = {"DESTDIR": str(tmp_path / "root"), "PATH": path_without_packages}
        given |= {"PYTHON": "python3", "UV_CALLS": str(tmp_path / "calls")}
        result = run(SERVER / "install-systemd.sh", host, **(given | variables))
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    return install


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_syntax_is_right(script):
    assert run("bash", "-n", script).stderr == ""
    if shutil.which("shellcheck"):
        assert run("shellcheck", script).stdout == ""


def test_new_settings_have_a_secret_each_and_are_never_overwritten(tmp_path):
    file = tmp_path / ".env"
    done("sh", SERVER / "new-env.sh", file, HOST, STORE_ACCESS_KEY="mine", POSTGRES_PASSWORD="")
    settings = dotenv_values(file)
    assert settings.keys() == EXAMPLE.keys()
    assert file.stat().st_mode & 0o777 == 0o600
    assert settings["MLFLOW_SERVER_ALLOWED_HOSTS"] == HOST
    assert settings["COMPOSE_PROJECT_NAME"] == "mlflow-mlflow-example-com"
    assert (settings["STORE_ACCESS_KEY"], settings["POSTGRES_PASSWORD"]) == ("mine", "")
    made = [v for n, v in settings.items() if re.fullmatch("[0-9a-f]{48}", v or "")]
    assert len(made) == len(set(made)) == 3
    same = {n for n, value in EXAMPLE.items() if value} - {"MLFLOW_SERVER_ALLOWED_HOSTS"}
    assert {n: settings[n] for n in same} == {n: EXAMPLE[n] for n in same}
    assert run("sh", SERVER / "new-env.sh", file, "other.example.com").returncode != 0
    assert dotenv_values(file) == settings


def test_keys_of_the_shell_are_taken_with_the_store_that_they_are_for(tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "secret"}

    def written(name: str, **variables: str) -> dict[str, str | None]:
        done("sh", SERVER / "new-env.sh", tmp_path / name, HOST, **(keys | variables))
        return {key: dotenv_values(tmp_path / name)[key] for key in keys}

    assert written("without") == dict.fromkeys(keys, "")
    assert written("with", MLFLOW_S3_ENDPOINT_URL="https://s3.example.com") == keys


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


@pytest.mark.parametrize(
    ("host", "other"), [(HOST, "DNS:bank.example"), (HOST, "IP:10.0.0.8"), ("10.0.0.7", "DNS:a.b")]
)
def test_the_authority_vouches_for_the_server_alone(tmp_path, host, other):
    """Whoever gets its key cannot show the clients that trust it another site."""
    ca, tls = tmp_path / "ca", tmp_path / "tls"
    done("sh", SERVER / "new-certificate.sh", ca, tls, host)
    before = (tls / "mlflow.crt").read_text()
    forged = tmp_path / "forged.crt"
    done(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-keyout", tmp_path / "forged.key", "-out", forged, "-subj", "/CN=a site"),
        *("-CA", ca / "ca.crt", "-CAkey", ca / "ca.key", "-addext", f"subjectAltName={other}"),
        *("-addext", "basicConstraints=CA:false"),
    )
    verified = run("openssl", "verify", "-x509_strict", "-CAfile", ca / "ca.crt", forged)
    assert "permitted subtree violation" in verified.stderr or "excluded" in verified.stderr
    # Nor does the script: what is there stays, the pair of key and certificate whole.
    renamed = run("sh", SERVER / "new-certificate.sh", ca, tls, other.partition(":")[2])
    assert renamed.returncode != 0
    assert {path.name for path in tls.iterdir()} == {"mlflow.crt", "mlflow.key"}
    assert (tls / "mlflow.crt").read_text() == before


class TestRenewal:
    """renew-certificate.sh, which a timer runs every day."""

    @pytest.fixture
    def folders(self, tmp_path):
        ca, tls = tmp_path / "ca", tmp_path / "tls"
        done("sh", SERVER / "new-certificate.sh", ca, tls, HOST)
        return ca, tls

    @staticmethod
    def renew(ca: Path, tls: Path) -> subprocess.CompletedProcess:
        script = SERVER / "renew-certificate.sh"
        return run("sh", script, ca, tls, "touch", tls.parent / "reloaded")

    @staticmethod
    def expires_soon(ca: Path, tls: Path) -> str:
        script = (SERVER / "new-certificate.sh").read_text()
        assert "-days 397" in script
        done("sh", "-c", script.replace("-days 397", "-days 29"), "sh", ca, tls, HOST)
        return (tls / "mlflow.crt").read_text()

    def test_what_is_good_for_months_stays(self, folders, tmp_path):
        before = (folders[1] / "mlflow.crt").read_text()
        assert self.renew(*folders).returncode == 0
        assert (folders[1] / "mlflow.crt").read_text() == before
        assert not (tmp_path / "reloaded").exists()

    def test_what_expires_soon_is_renewed_and_loaded(self, folders, tmp_path):
        before = self.expires_soon(*folders)
        result = self.renew(*folders)
        assert result.returncode == 0, result.stderr
        ca, tls = folders
        assert (tls / "mlflow.crt").read_text() != before
        verify = ("openssl", "verify", "-x509_strict", "-verify_hostname", HOST, "-CAfile")
        done(*verify, ca / "ca.crt", tls / "mlflow.crt")
        assert (tmp_path / "reloaded").exists()

    def test_what_somebody_else_has_to_renew_is_an_error(self, folders, tmp_path):
        ca, tls = folders
        self.expires_soon(ca, tls)
        (ca / "ca.key").rename(tmp_path / "kept elsewhere")
        without_key = self.renew(ca, tls)
        done("sh", SERVER / "new-certificate.sh", tmp_path / "other", tmp_path / "made", HOST)
        of_another = self.renew(tmp_path / "other", tls)
        for result, reason in ((without_key, "where ca.key is"), (of_another, "another authority")):
            assert result.returncode == 1
            assert "expires" in result.stderr and reason in result.stderr
        assert not (tmp_path / "reloaded").exists()


def test_the_files_lie_where_the_unit_and_nginx_look_for_them(tmp_path, install):
    install(PORTS="5000 5001 5002")
    root = tmp_path / "root"
    laid = modes(root)
    assert {n for n, mode in laid.items() if mode == "600"} == {
        "etc/mlflow/mlflow.env",
        "etc/mlflow/ca/ca.key",
        "etc/nginx/tls/mlflow.key",
    }
    server = "opt/mlflow/server"
    assert {n for n, mode in laid.items() if mode == "755"} == {
        f"{server}/{script}.sh" for script in ("backup", "restore", "verify")
    }
    assert {f"{server}/{name}" for name in scripts.NAMES} <= laid.keys()
    unit = (root / "etc/systemd/system/mlflow@.service").read_text()
    conf = (root / "etc/nginx/conf.d/mlflow.conf").read_text()
    named = re.findall(r"^EnvironmentFile=/(\S+)$|^ExecStart=\S+ /(\S+)$", unit, re.MULTILINE)
    unit = (root / "etc/systemd/system/mlflow-backup.service").read_text()
    named += re.findall(r"^EnvironmentFile=/(\S+)$|^ExecStart=\S+ /(\S+)$", unit, re.MULTILINE)
    named += re.findall(r"ssl_certificate(?:_key)? /(\S+)()\;", conf)
    assert len(named) == 6
    assert {a or b for a, b in named} | {"opt/mlflow/server/users.py"} <= laid.keys()
    (upstream,) = re.findall(r"upstream mlflow \{.*?^\}", conf, re.DOTALL | re.MULTILINE)
    assert re.findall(r"server (\S+) max_fails", upstream) == [
        *("127.0.0.1:5000", "127.0.0.1:5001", "127.0.0.1:5002"),
    ]
    original = (SERVER / "nginx.conf").read_text().splitlines()
    assert [line for line in original if line not in conf.splitlines()] == [
        line for line in original if line.startswith("    server mlflow-")
    ]
    calls = (tmp_path / "calls").read_text()
    assert f"--require-hashes --requirement {SERVER}/packages.lock" in calls


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


def test_installed_again_under_another_name_it_says_what_stays(tmp_path, install):
    install()
    env = tmp_path / "root/etc/mlflow/mlflow.env"

    warning = "is of another name"
    assert warning not in install()
    assert warning in install("mlflow-example.com")
    text = env.read_text().replace(f"HOSTS={HOST}", f"HOSTS=other.example.com:8443,{HOST}:8443")
    env.write_text(text)
    assert warning not in install()


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
    laid = modes(root)
    assert "add --yes" in run(SERVER / "remove-systemd.sh", "--purge", DESTDIR=str(root)).stderr
    assert modes(root) == laid
    done(SERVER / "remove-systemd.sh", "--purge", "--yes", DESTDIR=str(root))
    assert modes(root) == {}


class Purge:
    """remove-systemd.sh --purge on a machine of which nothing is real.

    PATH is a folder alone, with what changes nothing and stubs that write down what they were
    asked: a program that is missing there is not found elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in ("bash", "date", "echo", "grep", "mkdir", "sed", "sh", "xargs"):
            (self.programs / name).symlink_to(str(shutil.which(name)))
        for name in ("systemctl", "rm", "userdel"):
            self.stub(name, "")
        self.stub("runuser", 'case "$*" in *pg_dump*) echo dumped; exit $FAILS;; esac')

    def stub(self, name: str, does: str) -> None:
        path = self.programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n{does}\n')
        path.chmod(0o755)

    def __call__(self, *, fails: int) -> tuple[str, list[str]]:
        """What it printed, and which of the stubs were called in which order."""
        calls = self.folder / "calls"
        environment = {"PATH": str(self.programs), "CALLS": str(calls), "FAILS": str(fails)}
        result = subprocess.run(
            [self.programs / "bash", SERVER / "remove-systemd.sh", "--purge", "--yes"],
            env=environment | {"DUMPS": str(self.folder / "dumps")},
            capture_output=True,
            text=True,
        )
        assert (result.returncode != 0) == bool(fails), result.stderr
        return result.stdout + result.stderr, calls.read_text().splitlines()


def test_a_purge_dumps_before_it_drops_and_drops_before_it_removes(tmp_path):
    said, calls = Purge(tmp_path)(fails=0)
    [dump] = (tmp_path / "dumps").iterdir()
    assert (dump.read_text(), dump.stat().st_mode & 0o777) == ("dumped\n", 0o600)
    assert str(dump) in said
    order = ["systemctl stop", "pg_dump", "DROP DATABASE", "DROP ROLE", "rm -rf", "userdel mlflow"]
    places = [next(i for i, call in enumerate(calls) if part in call) for part in order]
    assert places == sorted(places)


def test_a_purge_whose_dump_fails_removes_nothing(tmp_path):
    said, calls = Purge(tmp_path)(fails=1)
    assert "could not be dumped: nothing was removed" in said
    assert [call for call in calls if re.search("DROP|rm -rf|userdel|disable", call)] == []


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no systemd")
def test_removed_no_replica_starts_with_the_machine(tmp_path, install):
    install()
    root = tmp_path / "root"
    units = ["mlflow-backup.timer", "mlflow@5001.service", "mlflow@5002.service"]
    done("systemctl", f"--root={root}", "enable", *units)

    def links() -> list[str]:
        return sorted(path.name for path in root.glob("etc/systemd/system/*.target.wants/*"))

    assert links() == units
    done(SERVER / "remove-systemd.sh", DESTDIR=str(root))
    assert links() == []


def test_compose_gets_its_files_once(tmp_path):
    own = shutil.ignore_patterns(".env", "tls", "ca")
    folder = shutil.copytree(SERVER, tmp_path / "server", ignore=own)
    made = [".env", "ca/ca.crt", "tls/mlflow.crt", "tls/mlflow.key"]
    seen = []
    for _ in range(2):
        done(folder / "install-compose.sh", HOST, FILES_ONLY="1")
        seen.append([(folder / name).read_text() for name in made])
    assert seen[0] == seen[1]
    said = run(folder / "install-compose.sh", "other.example.com", FILES_ONLY="1").stderr
    assert ".env is of another name" in said
    secrets = {n: v for n, v in dotenv_values(folder / ".env").items() if re.search("KEY|PASS", n)}
    assert {name for name, value in secrets.items() if not value} == {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),  # of a store elsewhere
    }


@pytest.mark.parametrize(("owner", "code"), [("elsewhere", 1), ("here", 0), ("", 0)])
def test_compose_does_not_touch_the_stack_of_another_folder(tmp_path, owner, code):
    """Docker says from which folder the containers of that name were started."""
    own = shutil.ignore_patterns(".env", "tls", "ca")
    folder = shutil.copytree(SERVER, tmp_path / "here", ignore=own)
    docker, calls = tmp_path / "programs" / "docker", tmp_path / "calls"
    docker.parent.mkdir()
    started_in = tmp_path / owner if owner else ""
    docker.write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\n'
        f'case "$*" in *project=mlflow-mlflow-example-com*) echo {started_in};; esac\n'
    )
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    result = run(folder / "install-compose.sh", HOST, PATH=path)
    assert result.returncode == code, result.stderr
    assert ("compose up" in calls.read_text()) == (code == 0)
    if code:
        assert f"was started from {started_in}" in result.stderr


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
            connection = psycopg2.connect(
                host="127.0.0.1",
                port=database.port,
                dbname="mlflow",
                user="mlflow",
                password=password,
            )
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
