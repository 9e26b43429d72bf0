#!/usr/bin/env bash
# On SQLite, runs ordered by a metric cost the square of their number, until somebody runs ANALYZE.
#
# Versions: mlflow-skinny 3.6.0, SQLAlchemy 2.0.58, SQLite 3.40.1; the same plans in 3.46, 3.50, 3.54.
# Guess before the run: none was written down, a table of counts at growing sizes showed it. Expected
# from the plan on PostgreSQL: twice the work for twice the runs. MLflow reads and sorts all runs of
# the experiment, and the metrics that it joins have an index that begins with run_uuid.
# Behaviour: twice the runs cost four times the work. MLflow joins a subquery, which SQLite writes out
# and, knowing no numbers of rows, scans once for each run. With the statistics of ANALYZE it makes an
# index for the subquery first. MLflow never runs ANALYZE, nor PRAGMA optimize.
# Output seen (2026-11-30), in instructions of SQLite's virtual machine:
#   twice the runs, newest first: 2 times the work
#   twice the runs, by a metric: 4 times the work
#   twice the runs, by a metric, after ANALYZE: 2 times the work
# Source: mlflow/store/tracking/sqlalchemy_store.py of 3.6.0, `_get_orderby_clauses`, `_search_runs`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 sqlalchemy==2.0.58 alembic==1.20.0 pandas==2.3.3 numpy==2.3.5

cat >count.py <<'PY'
import sqlite3
import uuid

import sqlalchemy as sa
from mlflow.entities import ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore("sqlite:///runs.db", "artifacts:/")
database = sqlite3.connect("runs.db")
searches = {"newest first": "attributes.start_time DESC", "by a metric": "metrics.loss ASC"}


def grow(runs):
    rows = [(uuid.uuid4().hex, number) for number in range(runs)]
    database.executemany(
        "INSERT INTO runs (run_uuid, start_time, name, user_id, status, lifecycle_stage,"
        " experiment_id) VALUES (?, ?, 'run', 'kim', 'FINISHED', 'active', 0)", rows)
    database.executemany(
        "INSERT INTO latest_metrics (run_uuid, value, key, timestamp, step, is_nan)"
        " VALUES (?, ?, 'loss', 0, 0, 0)", rows)
    database.commit()


def work(order):
    found, ticks = [], []
    listen = lambda *call: found.append(call[2:4])
    sa.event.listen(store.engine, "before_cursor_execute", listen)
    store.search_runs(["0"], "", ViewType.ACTIVE_ONLY, 100, [order])
    sa.event.remove(store.engine, "before_cursor_execute", listen)
    statement = next(call for call in found if "DISTINCT runs" in call[0])
    database.set_progress_handler(lambda: ticks.append(1), 10)
    database.execute(*statement).fetchall()
    database.set_progress_handler(None, 0)
    return len(ticks)


grow(1000)
half = {name: work(order) for name, order in searches.items()}
grow(1000)
for name, order in searches.items():
    print(f"twice the runs, {name}: {work(order) / half[name]:.0f} times the work")
database.execute("ANALYZE")
full = work(searches["by a metric"])
database.execute("DELETE FROM runs WHERE rowid > 1000")
database.execute("DELETE FROM latest_metrics WHERE rowid > 1000")
database.commit()
ratio = full / work(searches["by a metric"])
print(f"twice the runs, by a metric, after ANALYZE: {ratio:.0f} times the work")
PY

env/bin/python count.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
twice the runs, newest first: 2 times the work
twice the runs, by a metric: 4 times the work
twice the runs, by a metric, after ANALYZE: 2 times the work
TXT
