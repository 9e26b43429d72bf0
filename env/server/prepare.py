"""What has to happen before a replica starts: two files for MLflow, the tables of the database.

One replica at a time: two that open the same empty database fail over each other's tables. With
MLFLOW_MIGRATION=elsewhere it leaves the tables alone and waits until they are those of this MLflow.
"""

import os
import sys
import time
from collections.abc import Iterable
from configparser import RawConfigParser
from pathlib import Path

import psycopg2

DATABASE_WITHIN = 120  # seconds
LOOK_EVERY = 2  # seconds
LOCK = 3_600_000  # any number that nobody else uses for an advisory lock in this database


def connect(uri: str):
    """Connection to a database that may still be starting.

    Raises psycopg2.OperationalError when it does not answer within DATABASE_WITHIN.
    """
    deadline = time.monotonic() + DATABASE_WITHIN
    while True:
        try:
            return psycopg2.connect(uri, connect_timeout=5)
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline:
                raise
            print(f"waiting for the database: {str(error).splitlines()[0]}", file=sys.stderr)
            time.sleep(1)


def revisions_needed(uri: str) -> dict[str, str]:
    """The revision of the tables that this MLflow works with, by the table that holds it."""
    from alembic.script import ScriptDirectory
    from mlflow.server.auth.db.utils import _get_alembic_config
    from mlflow.store.db.utils import _get_latest_schema_revision

    of_users = ScriptDirectory.from_config(_get_alembic_config(uri)).get_current_head()
    return {"alembic_version": _get_latest_schema_revision(), "alembic_version_auth": of_users}


def revisions_found(connection, tables: Iterable[str]) -> dict[str, str | None]:
    """Those that the database has; None where it has none yet."""
    found = dict.fromkeys(tables)
    with connection.cursor() as cursor:
        for table in found:
            cursor.execute("SELECT to_regclass(%s)", (table,))
            if cursor.fetchone() != (None,):
                cursor.execute(f"SELECT version_num FROM {table}")
                [found[table]] = cursor.fetchone() or (None,)
    return found


def wait_for_migration(connection, needed: dict[str, str]) -> None:
    """Returns when the tables are as needed, however long that takes."""
    connection.autocommit = True
    while (found := revisions_found(connection, needed)) != needed:
        print(f"waiting for the migration: {found}, needed: {needed}", file=sys.stderr)
        time.sleep(LOOK_EVERY)


def write_entry_point(folder: Path) -> None:
    """Names create_app of application.py for start.sh, as a package would."""
    metadata = folder / "team_server-1.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "entry_points.txt").write_text(
        "[mlflow.app]\nteam-server = application:create_app\n"
    )


def write_auth_configuration(path: Path, database_uri: str) -> None:
    """The file MLflow reads, in which % is written %%."""
    values = {
        "default_permission": os.environ.get("MLFLOW_AUTH_DEFAULT_PERMISSION", "READ"),
        "database_uri": database_uri,
        "admin_username": os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin"),
        "admin_password": os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"],
        "authorization_function": os.environ.get("MLFLOW_AUTH_FUNCTION")
        or "authentication:authenticate_request",
    }
    parser = RawConfigParser()
    parser["mlflow"] = {name: value.replace("%", "%%") for name, value in values.items()}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)


def main() -> None:
    uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    write_entry_point(Path.cwd())
    write_auth_configuration(Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"]), uri)
    # Takes seconds to import: while the database starts.
    from mlflow.server import app, auth, handlers

    connection = connect(uri.replace("+psycopg2", ""))
    if os.environ.get("MLFLOW_MIGRATION") == "elsewhere":
        wait_for_migration(connection, revisions_needed(uri))
        return
    connection.cursor().execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    handlers.initialize_backend_stores(uri, uri, "mlflow-artifacts:/")
    auth.create_app(app)  # the tables of users, and the first administrator
    connection.close()


if __name__ == "__main__":
    main()
