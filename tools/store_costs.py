"""What calls cost the PostgreSQL of a backend store: statements, rows and pages, not seconds.

    python -m tools.store_costs URI --experiment 1   # of a store as it is; a run comes and goes
    python -m tools.store_costs --renew              # `make costs`: 1,000 to 100,000 runs

Each call is one that a client or a screen makes, on the store that the server would use. Rows and
pages are the differences of PostgreSQL's own counters over all tables, so what checks of foreign
keys read is among them. They are the same on a busy machine. The second form fills an empty
PostgreSQL step by step and writes the table as tools/store_costs.json, which the chapter
backend_store/performance shows.
"""

import argparse
import datetime
import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tools.fill_store import fill
from tools.store_rows import Shape

RESULT = Path(__file__).with_suffix(".json")
SIZES = (1_000, 10_000, 100_000)
PAGE = 100  # runs of a screen
RUNS_OF_A_CHART, POINTS = 10, 320  # the UI asks for so many points of a run
COUNTERS = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint AS rows,
  sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::bigint AS pages
FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid)
"""
Cost = dict[str, int]


def costs(uri: str, experiment_id: str) -> dict[str, Cost]:
    """Statements, rows read and pages of each call, on a store whose runs `fill` has written."""
    from mlflow.entities import Metric, Param, RunStatus, ViewType
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with redirect_stderr(io.StringIO()):  # where MLflow says that it looks at the schema
        store = SqlAlchemyStore(uri, "mlflow-artifacts:/")
    engine = sa.create_engine(uri, poolclass=sa.NullPool)
    statements: list[str] = []
    sa.event.listen(
        *(store.engine, "before_cursor_execute"), lambda *call: statements.append(call[2])
    )

    def counters() -> tuple[int, int]:
        store.engine.dispose()  # a session that ends hands in its counts
        with engine.connect() as connection:
            return tuple(connection.exec_driver_sql(COUNTERS).one())

    def cost(call: Callable[[], Any]) -> Cost:
        before = counters()
        statements.clear()
        call()
        rows, pages = (now - then for now, then in zip(counters(), before, strict=True))
        return {"statements": len(statements), "rows": rows, "pages": pages}

    def search(text: str = "", order: str = "attributes.start_time DESC", page: str = "") -> Any:
        return store.search_runs(
            [experiment_id], text, ViewType.ACTIVE_ONLY, PAGE, [order], page or None
        )

    chart = [run.info.run_id for run in search()][:RUNS_OF_A_CHART]
    later = search().token
    made: list[str] = []

    def create() -> None:
        made.append(store.create_run(experiment_id, "kim", 0, [], "measured").info.run_id)

    def log() -> None:
        metrics = [Metric(f"metric_{i}", 0.5, 0, 0) for i in range(5)]
        store.log_batch(made[0], metrics, [Param(f"param_{i}", "0") for i in range(5)], [])

    def purge() -> None:
        store.delete_run(made[0])
        store._hard_delete_run(made[0])  # what `mlflow gc` calls for each run

    calls: dict[str, Callable[[], Any]] = {
        "create_run": create,
        "log_batch, 5 metrics, 5 params": log,
        "end the run": lambda: store.update_run_info(made[0], RunStatus.FINISHED, 1, None),
        "delete_run, gc of it": purge,
        "runs by start_time": search,
        "runs by a metric": lambda: search(order="metrics.metric_0 DESC"),
        "runs where a param is": lambda: search("params.param_0 = '3'"),
        "runs by start_time, next page": lambda: search(page=later),
        "chart of 10 runs": lambda: store.get_metric_history_bulk_interval(
            chart, "metric_0", POINTS, None, None
        ),
        "models": lambda: store.search_logged_models([experiment_id], max_results=50),
        "models by a metric": lambda: store.search_logged_models(
            [experiment_id], max_results=50, order_by=[{"field_name": "metrics.metric_0"}]
        ),
        "traces": lambda: store.search_traces(locations=[experiment_id], max_results=PAGE),
        "traces by name": lambda: store.search_traces(
            locations=[experiment_id], max_results=PAGE, filter_string="trace.name = 'ask'"
        ),
    }
    return {name: cost(call) for name, call in calls.items()}


def renew(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """The costs of an experiment that grows, in a PostgreSQL of its own."""
    import mlflow
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow_lab import PostgreSQL

    measured, last = {}, 0
    with PostgreSQL(quiet=True) as database:
        settle(database.superuser_uri)
        with redirect_stderr(io.StringIO()):
            experiment_id = SqlAlchemyStore(database.uri, "s3://bucket").create_experiment("load")
        for size in sizes:
            fill(database.uri, "load", size - last, first=last + 1)
            last = size
            measured[str(size)] = costs(database.uri, experiment_id)
            print(f"{size:,} runs", *rows_of(measured[str(size)]), sep="\n", flush=True)
        with sa.create_engine(database.uri).connect() as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar()
    return {
        "date": datetime.date.today().isoformat(),
        "mlflow": mlflow.__version__,
        "postgresql": version,
        "shape": vars(Shape()),
        "runs": measured,
    }


def settle(superuser_uri: str) -> None:
    """Nothing but what is measured reads tables, in one process each."""
    engine = sa.create_engine(superuser_uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("autovacuum = off", "max_parallel_workers_per_gather = 0"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


def rows_of(measured: dict[str, Cost]) -> list[str]:
    heads = ("statements", "rows", "pages")
    return [f"{'call':<32}" + "".join(f"{head:>12}" for head in heads)] + [
        f"{name:<32}" + "".join(f"{cost[head]:>12,}" for head in heads)
        for name, cost in measured.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m tools.store_costs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("uri", nargs="?", help="SQLAlchemy URI of a PostgreSQL backend store")
    parser.add_argument("--experiment", default="0", help="id (%(default)s)")
    parser.add_argument("--renew", action="store_true", help=f"write {RESULT.name}")
    given = parser.parse_args(arguments)
    if given.renew:
        RESULT.write_text(json.dumps(renew(), indent=1) + "\n")
        return 0
    print(*rows_of(costs(given.uri, given.experiment)), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
