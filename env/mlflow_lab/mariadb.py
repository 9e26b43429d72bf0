"""MariaDB."""

import os
import secrets
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import quote

from .component import Component, Launch
from .programs import Command, find, missing, system_install
from .users import can_use, instead_of_root, require_entry

SUPERUSER = "root"
NAME = "mlflow"  # of the role and of its database
USER_FOR_ROOT = ("mysql", "nobody")
SYSTEM_FOLDERS = (
    "/usr/sbin",  # Debian, Ubuntu
    "/usr/libexec",  # Rocky Linux
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
)


class MariaDB(Component):
    """Runs `mariadb-install-db` on an empty folder and then `mariadbd`, with passwords only.

    Neither reads the system's option files. MariaDB refuses to run as root: root runs it as the
    user `mysql`, or `nobody` where there is none.

    Args:
        options: of `mariadbd`, as on its command line.

    Attributes:
        uri: SQLAlchemy URI (PyMySQL) of the database `mlflow`, as the role `mlflow`.
        superuser_uri: the same database as the superuser `root`.
    """

    title = "MariaDB"
    log_name = "mariadb.log"
    drops = ("MYSQL", "MARIADB")

    def __init__(
        self,
        *options: str,
        port: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        quiet: bool = False,
        timeout: float = 60.0,
    ) -> None:
        super().__init__(
            port=port, folder=folder, environment=environment, quiet=quiet, timeout=timeout
        )
        self.options = options
        self._password = ""
        # An orderly shutdown is about data that is thrown away here.
        self.stop_signal = SIGKILL if folder is None else SIGTERM

    @property
    def uri(self) -> str:
        return self._uri(NAME, NAME)

    @property
    def superuser_uri(self) -> str:
        return self._uri(SUPERUSER, NAME)

    def create_database(self, name: str) -> str:
        """Creates another database of the role `mlflow`; returns its SQLAlchemy URI."""
        self._create(name)
        return self._uri(NAME, name)

    def _uri(self, role: str, database: str) -> str:
        return f"mysql+pymysql://{role}:{self._password}@127.0.0.1:{self.port}/{quote(database)}"

    def _secrets(self) -> list[str]:
        return [*super()._secrets(), *([self._password] if self._password else [])]

    def _environment(self) -> dict[str, str]:
        # The user it runs as may not write into the caller's temporary folder.
        return {**super()._environment(), "LC_ALL": "C", "TMPDIR": str(self.folder / "data")}

    def _plan(self) -> Launch:
        create, serve = _program("mariadb-install-db"), _program("mariadbd")
        user = instead_of_root(USER_FOR_ROOT, self.title) if os.getuid() == 0 else None
        if user and not self._temporary:
            require_entry(user, self.folder, self.title)
        new = not (self.folder / "data" / "mysql").exists()
        if new:
            self._password = secrets.token_hex(16)
        else:
            self._password = (self.folder / "password").read_text().strip()
        # "./data", because mariadbd looks for "data" where it is installed.
        common = ("--no-defaults", "--datadir=./data", "--skip-name-resolve")
        authentication = ("--auth-root-authentication-method=normal", "--skip-test-db")
        arguments = (
            *common,
            *("--bind-address=127.0.0.1", f"--port={self.port}"),
            # These are in the data directory, so the path of the socket is short wherever that is.
            *("--socket=mariadb.sock", "--pid-file=mariadb.pid", "--init-file=../init.sql"),
            *("--character-set-server=utf8mb4", *self.options),
        )
        return Launch(
            Command(serve, arguments),
            preparations=[Command(create, (*common, *authentication))] if new else [],
            files=self._files() if new else {},
            directories=["data"] if new else [],
            user=(user.pw_uid, user.pw_gid) if user else None,
        )

    def _files(self) -> dict[str, str]:
        """`init.sql` runs before anybody can connect: mariadb-install-db sets no password."""
        kept = "'localhost', '127.0.0.1'"
        statements = [
            f"DELETE FROM mysql.global_priv WHERE User = '{SUPERUSER}' AND Host NOT IN ({kept})",
            "FLUSH PRIVILEGES",
            f"ALTER USER {SUPERUSER}@'localhost' IDENTIFIED BY '{self._password}'",
            f"ALTER USER {SUPERUSER}@'127.0.0.1' IDENTIFIED BY '{self._password}'",
        ]
        return {
            "password": self._password + "\n",
            "init.sql": "".join(f"{statement};\n" for statement in statements),
        }

    def _temporary_root(self) -> Path:
        root = super()._temporary_root()
        if os.getuid() == 0 and not can_use(instead_of_root(USER_FOR_ROOT, self.title), root):
            return Path("/tmp")
        return root

    def _healthy(self) -> bool:
        import pymysql

        try:
            self._execute("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True

    def _set_up(self) -> None:
        if not self._execute(f"SELECT 1 FROM mysql.global_priv WHERE User = '{NAME}'"):
            self._say_and_execute(f"CREATE USER {NAME}@'%' IDENTIFIED BY '{self._password}'")
        if not self._execute(
            f"SELECT 1 FROM information_schema.schemata WHERE schema_name='{NAME}'"
        ):
            self._create(NAME)

    def _create(self, name: str) -> None:
        quoted = "`{}`".format(name.replace("`", "``"))
        # In a GRANT on a whole database these two would be wildcards.
        literal = quoted.replace("_", r"\_").replace("%", r"\%")
        self._say_and_execute(f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")
        self._say_and_execute(f"GRANT ALL ON {literal}.* TO {NAME}@'%'")

    def _say_and_execute(self, statement: str) -> None:
        if not self.quiet:
            print(f"MariaDB> {self._tidy(statement)};", flush=True)
        self._execute(statement)

    def _execute(self, statement: str) -> tuple[tuple, ...]:
        """Rows of one statement, run by the superuser in a transaction of its own."""
        import pymysql

        with closing(
            pymysql.connect(
                host="127.0.0.1",
                port=self.port,
                user=SUPERUSER,
                password=self._password,
                connect_timeout=2,  # seconds
                autocommit=True,
            )
        ) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()


def _program(name: str) -> str:
    path = find(name, SYSTEM_FOLDERS)
    if path is None:
        raise missing("MariaDB", system_install(_package()))
    return path


def _package() -> str:
    install = system_install("mariadb")
    return "mariadb" if install.startswith("brew") else "mariadb-server"
