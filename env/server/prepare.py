"""What has to happen before a replica starts: its basic_auth.ini, and the tables of the database.

One replica at a time: two that open the same empty database fail over each other's tables.
"""

import os
import sys
import time
from configparser import RawConfigParser
from pathlib import Path

import psycopg2

DATABASE_WITHIN = 120  # seconds
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


def write_auth_configuration(path: Path, database_uri: str) -> None:
    """The file MLflow reads, in which % is written %%."""
    values = {
        "default_permission": os.environ.get("MLFLOW_AUTH_DEFAULT_PERMISSION", "READ"),
        "database_uri": database_uri,
        "admin_username": os.environ.get("MLFLOW_AUTH_ADMIN_USERNAME", "admin"),
        "admin_password": os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"],
        "authorization_function": "authentication:authenticate_request",
    }
    parser = RawConfigParser()
    parser["mlflow"] = {name: value.replace("%", "%%") for name, value in values.items()}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)


def main() -> None:
    uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    write_auth_configuration(Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"]), uri)
    # Takes seconds to import: while the database starts.
    from mlflow.server import app, auth, handlers

    connection = connect(uri.replace("+psycopg2", ""))
    connection.cursor().execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    handlers.initialize_backend_stores(uri, uri, "mlflow-artifacts:/")
    auth.create_app(app)  # the tables of users, and the first administrator
    connection.close()


if __name__ == "__main__":
    main()
