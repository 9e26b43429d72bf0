"""MariaDB."""

import pwd
from contextlib import closing
from signal import SIGKILL, SIGTERM
from typing import Unpack

from .component import Options
from .database import NAME, Database
from .programs import SET_UP, Command, find, missing
from .system_user import reachable

SYSTEM_FOLDERS = (
    "/usr/sbin",  # Debian, Ubuntu
    "/usr/libexec",  # Rocky Linux
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
)


class MariaDB(Database):
    """Runs `mariadb-install-db` on an empty folder and then `mariadbd`, with passwords only.

    Neither reads the system's option files. MariaDB refuses to run as root: root runs it as the
    user `mysql`, or `nobody` where there is none.

    Args:
        options: of `mariadbd`, as on its command line.
    """

    title = "MariaDB"
    log_name = "mariadb.log"
    scheme = "mysql+pymysql"
    superuser = "root"
    data_marker = "mysql"
    users_for_root = ("mysql", "nobody")
    drops = ("MYSQL", "MARIADB")

    def __init__(
        self,
        *options: str,
        **component: Unpack[Options],
    ) -> None:
        super().__init__(**component)
        self.options = options
        # An orderly shutdown is about data that is thrown away here.
        self.stop_signal = SIGKILL if self._temporary else SIGTERM

    def create_database(self, name: str) -> str:
        """Creates another database of the role `mlflow`; returns its SQLAlchemy URI."""
        self._create(name)
        return self._uri(NAME, name)

    def _environment(self) -> dict[str, str]:
        # The user it runs as may not write into the caller's temporary folder.
        return {**super()._environment(), "LC_ALL": "C", "TMPDIR": str(self.folder / "data")}

    def _commands(self, user: pwd.struct_passwd | None) -> tuple[Command, Command, dict[str, str]]:
        create, copies = reachable(user, _program("mariadb-install-db"))
        serve, _ = reachable(user, _program("mariadbd"))
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
        return Command(create, (*common, *authentication)), Command(serve, arguments), copies

    def _first_files(self) -> dict[str, str]:
        """`init.sql` runs before anybody can connect: mariadb-install-db sets no password."""
        root, kept = self.superuser, ("localhost", "127.0.0.1")
        statements = [
            f"DELETE FROM mysql.global_priv WHERE User = '{root}' AND Host NOT IN {kept}",
            "FLUSH PRIVILEGES",
            *(f"ALTER USER {root}@'{host}' IDENTIFIED BY '{self._password}'" for host in kept),
        ]
        return {"init.sql": "".join(f"{statement};\n" for statement in statements)}

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
                user=self.superuser,
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
        raise missing("MariaDB", SET_UP)
    return path
