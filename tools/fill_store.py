"""Fill an experiment with many runs, straight through the tables of its backend store.

    python -m tools.fill_store postgresql://mlflow:...@db/mlflow --experiment load --runs 100000

For databases to measure and try things on: 100,000 runs take a minute or two, which through the
API would take hours. The rows are those that MLflow 3.6.0 stores for such runs; artifacts are not
written. All in one transaction: after an error there is nothing. The same seed and numbers give the
same runs, so go on with `--first`, or take another `--seed`.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tools.store_rows import COLUMNS, Row, Shape, rows_of, run_of

USUAL = Shape()
BATCH = 2000  # runs whose rows are in memory at once
DRIVERS = ("postgresql+psycopg2", "sqlite+pysqlite", "mysql+pymysql", "mysql+mysqldb")


class CannotFill(Exception):
    """The store cannot be filled; the message is for the one who asked."""


def fill(
    uri: str,
    experiment: str,
    runs: int,
    *,
    shape: Shape = USUAL,
    seed: int = 0,
    first: int = 1,
) -> dict[str, int]:
    """Write the runs `first` to `first + runs - 1` of a seed; returns the rows by table.

    On PostgreSQL it ends with VACUUM and ANALYZE, which autovacuum would do a minute later.

    Raises CannotFill for an address that is no database's or does not answer, a database without
    this MLflow's schema, an experiment that is not there or deleted, and runs that are there.
    """
    engine = _engine(uri)
    try:
        with engine.begin() as connection:
            _require_schema(connection)
            experiment_id, location = _experiment(connection, experiment)
            written = dict.fromkeys(COLUMNS, 0)
            for numbers in _batches(range(first, first + runs)):
                rows: dict[str, list[Row]] = {table: [] for table in COLUMNS}
                for number in numbers:
                    run = run_of(seed, number, shape)
                    for table, row in rows_of(run, experiment_id, location):
                        rows[table].append(row)
                for table, of_table in rows.items():
                    _insert(connection, table, of_table)
                    written[table] += len(of_table)
        _settle(engine)
    except sa.exc.DBAPIError as error:
        raise CannotFill(_sentence(error.orig, engine, seed)) from error
    except engine.dialect.loaded_dbapi.Error as error:  # of COPY
        raise CannotFill(_sentence(error, engine, seed)) from error
    finally:
        engine.dispose()
    return written


def _engine(uri: str) -> sa.Engine:
    hidden = "the address of the database itself, as --backend-store-uri has it"
    if uri.startswith(("http://", "https://")):
        raise CannotFill(f"{uri} is a server's address: give {hidden}")
    try:
        engine = sa.create_engine(uri)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise CannotFill(f"{uri!r} is no database URI: give {hidden}") from error
    except ModuleNotFoundError as error:
        raise CannotFill(f"the database's driver is not installed: {error}") from error
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise CannotFill(f"there is no file {engine.url.database}")  # SQLite would make one
    driver = f"{engine.dialect.name}+{engine.dialect.driver}"
    if driver not in DRIVERS:
        raise CannotFill(f"{driver} is not supported: use {', '.join(DRIVERS)}")
    return engine


def _require_schema(connection: sa.Connection) -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    advice = "start `mlflow server` on it once"
    if not sa.inspect(connection).has_table("alembic_version"):
        raise CannotFill(f"the database has no MLflow schema: {advice}")
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found != (wanted := _get_latest_schema_revision()):
        raise CannotFill(f"its schema is {found}, this MLflow needs {wanted}: mlflow db upgrade")


def _experiment(connection: sa.Connection, wanted: str) -> tuple[int, str]:
    """Id and artifact location of the experiment with this name or id."""
    table = sa.table(
        "experiments",
        *map(sa.column, ("experiment_id", "name", "artifact_location", "lifecycle_stage")),
    )
    found = connection.execute(sa.select(table).order_by(table.c.experiment_id)).all()
    named = [e for e in found if e.name == wanted] or [
        e for e in found if str(e.experiment_id) == wanted
    ]
    if not named:
        names = ", ".join(e.name for e in found[:5])
        raise CannotFill(f"there is no experiment {wanted!r}; create it first. There are: {names}")
    if named[0].lifecycle_stage != "active":
        raise CannotFill(f"experiment {wanted!r} is deleted: restore it, or name another one")
    return named[0].experiment_id, named[0].artifact_location


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def _insert(connection: sa.Connection, table: str, rows: list[Row]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        command = f"COPY {table} ({', '.join(COLUMNS[table])}) FROM STDIN"
        cursor: Any = connection.connection.cursor()
        cursor.copy_expert(command, io.StringIO("".join(map(_copied, rows))))
        cursor.close()
        return
    insert = sa.table(table, *map(sa.column, COLUMNS[table])).insert()
    connection.execute(insert, [dict(zip(COLUMNS[table], row, strict=True)) for row in rows])


ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _copied(row: Row) -> str:
    """A line of COPY's text format."""
    values = (r"\N" if value is None else str(value).translate(ESCAPES) for value in row)
    return "\t".join(values) + "\n"


def _settle(engine: sa.Engine) -> None:
    """Statistics and visibility as they are some time after so many rows were written."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {', '.join(COLUMNS)}")


def _sentence(error: BaseException | None, engine: sa.Engine, seed: int) -> str:
    said = str(error).strip().splitlines()[0]
    if isinstance(error, engine.dialect.loaded_dbapi.IntegrityError):
        return f"runs of seed {seed} with these numbers are there: use another --seed ({said})"
    return f"the database says: {said}"


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 2 when nothing was written."""
    parser = argparse.ArgumentParser(
        "python -m tools.fill_store", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("uri", help="SQLAlchemy URI of the backend store")
    parser.add_argument("--experiment", default="Default", help="name or id; it has to be there")
    parser.add_argument("--runs", type=_count, default=1000, help="how many (%(default)s)")
    parser.add_argument("--first", type=_count, default=1, help="number of the first one")
    parser.add_argument("--seed", type=int, default=0, help="other runs for another seed")
    for field in fields(Shape):
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=_count, default=field.default, help="(%(default)s)")
    given = vars(parser.parse_args(arguments))
    shape = Shape(**{field.name: given.pop(field.name) for field in fields(Shape)})
    try:
        written = fill(shape=shape, **given)
    except CannotFill as problem:
        print(problem, file=sys.stderr)
        return 2
    for table, rows in written.items():
        print(f"{table:<24}{rows:>10,}")
    return 0


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("not below 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
