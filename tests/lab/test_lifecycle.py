"""Starting and stopping: the same for every component, whatever happens to the caller."""

import contextlib
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from itertools import takewhile
from pathlib import Path

import psutil
import psycopg2
import pytest
from mlflow_lab import (
    Azurite,
    ComponentMissing,
    GCSEmulator,
    LabError,
    MariaDB,
    Nginx,
    PortInUse,
    PostgreSQL,
    Prometheus,
    SeaweedFS,
    StartFailed,
    TrackingServer,
    mariadb,
    postgresql,
    programs,
)

from tests.lab.footprint import Footprint, alive, guard_of, listens
from tests.waiting import WITHIN, wait_until

HELLO = "server { listen 127.0.0.1:@PORT@; return 200 hello; }"


def nginx(**arguments) -> Nginx:
    return Nginx(HELLO, **arguments)


def prometheus(**arguments) -> Prometheus:
    return Prometheus("", **arguments)


CHEAP = {"postgresql": PostgreSQL, "nginx": nginx, "prometheus": prometheus}
OTHERS = {"mariadb": MariaDB, "seaweedfs": SeaweedFS, "azurite": Azurite, "gcs": GCSEmulator}
KINDS = {**CHEAP, **OTHERS}
PROGRAMS = (
    *("postgres", "mariadbd", "weed", "nginx", "prometheus", "azurite-blob"),
    "gcp-storage-emulator",
)


def each(kinds: dict):
    return pytest.mark.parametrize("kind", list(kinds.values()), ids=list(kinds))


@each({**KINDS, "server": TrackingServer})
def test_stop_leaves_no_process_port_or_folder(kind):
    component = kind(quiet=True)
    assert not component.running
    component.start()
    assert component.running
    mine = Footprint(component)
    assert component.port in mine.ports
    assert component.pid in [process.pid for process in mine.processes]
    component.stop()
    assert mine.leftovers() == []
    assert not component.running and component.pid is None
    component.stop()  # does nothing


@each(KINDS)
def test_the_printed_commands_name_no_path_and_no_secret(kind, capfd):
    with kind() as component:
        printed = capfd.readouterr().out.replace(" \\\n ", "")
        secrets = component._secrets()
        assert component.command[0] in PROGRAMS
        assert Path(component.command[0]).name == component.command[0]
    assert re.search(rf"^\$ (\w+=\S+ )*{component.command[0]} ", printed, re.MULTILINE)
    assert not re.search(r"(^|[\s='])/\w", printed)
    assert not any(secret in printed for secret in secrets)


def test_quiet_prints_nothing(capfd):
    with PostgreSQL(quiet=True):
        pass
    assert capfd.readouterr() == ("", "")


@each(CHEAP)
def test_an_exception_in_the_with_block_stops_the_component(kind):
    with pytest.raises(ZeroDivisionError), kind(quiet=True) as component:
        mine = Footprint(component)
        1 / 0  # noqa: B018
    assert mine.leftovers() == []


@each(CHEAP)
def test_it_can_be_started_again_on_the_same_port(kind):
    component = kind(quiet=True).start()
    port = component.port
    assert component.start() is component  # already runs
    component.stop()
    with component:
        assert component.port == port and component.running


def test_a_component_that_crashes_is_noticed_and_can_be_started_again():
    component = nginx(quiet=True).start()
    mine = Footprint(component)
    assert component.pid is not None
    os.kill(component.pid, signal.SIGKILL)
    wait_until(lambda: not component.running)
    # The guard took the rest of the group along; the log is there until stop.
    wait_until(lambda: not any(p.name() == "nginx" for p in mine.processes if alive(p)))
    assert component.log_path.exists()
    component.start()
    assert component.running
    component.stop()
    assert mine.leftovers() == []


def test_the_log_can_be_read_after_stop():
    with PostgreSQL(quiet=True) as database:
        assert len(database.log_tail(lines=2).splitlines()) == 2
    assert "database system is ready to accept connections" in database.log_tail()


def test_a_line_that_is_logged_late_is_waited_for():
    with PostgreSQL(quiet=True) as database:
        with psycopg2.connect(database.uri) as connection, connection.cursor() as cursor:
            late = threading.Timer(0.3, ask_for_a_missing_table, [cursor])
            late.start()
            assert database.logged('relation "no.*" does not exist') in database.log_tail()
            late.join()
        with pytest.raises(LabError, match=r"(?s)logged no 'never said':\n.*STATEMENT:"):
            database.logged("never said", within=0.2)


def ask_for_a_missing_table(cursor) -> None:
    with contextlib.suppress(psycopg2.errors.UndefinedTable):
        cursor.execute("TABLE nowhere")


def test_what_needs_a_started_component_says_so():
    with pytest.raises(LabError, match="not started yet"):
        PostgreSQL().command  # noqa: B018
    assert repr(PostgreSQL()) == "<PostgreSQL not running>"


def test_a_port_that_is_taken_is_named_before_anything_starts(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        database = PostgreSQL(port=port)
        with pytest.raises(PortInUse, match=rf"Port {port} .* \(process {os.getpid()}\)"):
            database.start()
    assert capfd.readouterr().out == ""
    assert database.folder is None


def test_a_port_of_ours_that_is_taken_in_the_meantime_is_replaced(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        database = PostgreSQL(quiet=True)
        choices = iter([port, database._free_port()])
        monkeypatch.setattr(database, "_free_port", lambda: next(choices))
        with database:
            assert database.running and database.port != port


@pytest.mark.parametrize(
    ("kind", "install"),
    [
        (TrackingServer, "MLflow is not installed: run `pip install -r requirements.txt`."),
        (SeaweedFS, "SeaweedFS is not installed: run `pip install -r requirements.txt`."),
        (PostgreSQL, "PostgreSQL is not installed: run `pip install -r requirements.txt`."),
        (MariaDB, "MariaDB is not installed: run `make setup`."),
        (nginx, "nginx is not installed: run `make setup`."),
        (prometheus, "Prometheus is not installed: run `make setup`."),
        (Azurite, "Azurite is not installed: run `make setup`."),
        (GCSEmulator, "gcp-storage-emulator is not installed: run `make setup`."),
    ],
    ids=["server", "seaweedfs", "postgresql", "mariadb", "nginx", "prometheus", "azurite", "gcs"],
)
def test_a_component_that_is_not_installed_names_the_command(kind, install, monkeypatch, capfd):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setattr(programs, "EXTRA_FOLDERS", ())
    monkeypatch.setattr(mariadb, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(postgresql, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(postgresql, "_wheel", lambda: None)
    with pytest.raises(ComponentMissing) as error:
        kind().start()
    assert str(error.value) == install
    assert capfd.readouterr().out == ""


def test_a_program_that_cannot_be_run_fails_with_a_sentence(tmp_path, monkeypatch):
    broken = tmp_path / "nginx"
    broken.write_text("no program")
    broken.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda name: str(broken))
    with pytest.raises(StartFailed, match="nginx could not be run: Exec format error") as failure:
        nginx(quiet=True).start()
    assert str(tmp_path) not in str(failure.value)


CALLER = """
import sys, time
sys.path[:0] = {path!r}
from mlflow_lab import *
database = PostgreSQL(quiet=True).start()
store = SeaweedFS(quiet=True).start()
nginx = Nginx({hello!r}, quiet=True).start()
server = TrackingServer(quiet=True).start()
from tests.lab.footprint import Footprint
for component in (database, store, nginx, server):
    footprint = Footprint(component)
    print(*(p.pid for p in footprint.processes), sep=",", end=";")
    print(*footprint.ports, sep=",", end=";")
    print(footprint.folder, flush=True)
print("ready", flush=True)
time.sleep(600)
"""


def test_everything_is_gone_soon_after_the_caller_is_killed():
    caller = run_caller(CALLER)
    assert caller.stdout is not None
    printed = takewhile(lambda line: line != "ready\n", caller.stdout)
    lines = [line.strip().split(";") for line in printed]
    processes = [psutil.Process(int(pid)) for pids, _, _ in lines for pid in pids.split(",")]
    ports = [int(port) for _, ports, _ in lines for port in ports.split(",")]
    folders = [Path(folder) for _, _, folder in lines]
    assert len(lines) == 4 and len(ports) == 13 and all(folder.exists() for folder in folders)

    caller.kill()
    caller.wait()
    wait_until(lambda: not any(alive(process) for process in processes))
    wait_until(lambda: not any(folder.exists() for folder in folders))
    assert not [port for port in ports if listens(port)]


def test_ctrl_c_during_start_leaves_nothing(tmp_path):
    caller = run_caller(
        """
        import sys
        sys.path[:0] = {path!r}
        from mlflow_lab import TrackingServer
        TrackingServer._healthy = lambda self: False  # however soon it is, it is still starting
        try:
            TrackingServer().start()
        except KeyboardInterrupt:
            print("interrupted")
        """,
        TMPDIR=str(tmp_path),
    )
    assert caller.stdout is not None
    line = caller.stdout.readline()
    assert line.startswith("$ mlflow server")
    while line.endswith("\\\n"):
        line = caller.stdout.readline()
    children: list[psutil.Process] = []

    def the_component_is_starting() -> bool:
        children[:] = psutil.Process(caller.pid).children(recursive=True)
        return len(children) >= 2  # guard and server

    wait_until(the_component_is_starting)
    assert list(tmp_path.iterdir())
    # As the terminal does: to the whole foreground group, which the guard is not in.
    os.killpg(caller.pid, signal.SIGINT)
    assert caller.communicate(timeout=WITHIN)[0] == "interrupted\n"
    assert not any(alive(child) for child in children)
    assert not list(tmp_path.iterdir())


def test_a_forked_child_does_not_keep_the_component_alive():
    component = nginx(quiet=True).start()
    mine = Footprint(component)
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    try:
        component.stop()
        assert child.is_alive()
        assert mine.leftovers() == []
    finally:
        child.kill()
        child.join()


def test_sigterm_to_the_guard_means_stop():
    component = nginx(quiet=True).start()
    mine = Footprint(component)
    guard_of(component).terminate()
    wait_until(lambda: mine.leftovers() == [])
    assert not component.running
    component.stop()


def test_a_component_that_ignores_its_stop_signal_is_killed(monkeypatch):
    component = nginx(quiet=True)
    component.stop_signal = signal.SIGCONT  # which nginx does not act on
    monkeypatch.setattr(Nginx, "stop_within", 0.3)
    component.start()
    mine = Footprint(component)
    component.stop()
    assert mine.leftovers() == []


def test_stopping_a_temporary_one_leaves_the_temporary_directory_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with SeaweedFS(quiet=True) as store:
        assert store.folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def run_caller(code: str, **environment: str) -> subprocess.Popen:
    """Another Python process, in a session of its own, that uses the package."""
    path = [str(Path(__file__).parents[2]), *(p for p in sys.path if p)]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code).format(path=path, hello=HELLO)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
