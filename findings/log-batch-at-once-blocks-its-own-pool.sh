#!/usr/bin/env bash
# Fifteen log_batch calls at once in one server process wait for each other until the pool gives up.
#
# Versions: mlflow-skinny 3.6.0, SQLAlchemy 2.0.58, SQLite; the same on PostgreSQL 18, also through
# PgBouncer 1.18 in transaction mode, where it was met.
# Guess before the run: written into the try of PgBouncer: twelve threads take turns on its three
# connections and all their calls return. A pool that is full only makes callers wait.
# Behaviour: log_batch keeps the connection of its session and borrows a second one for the metrics.
# Once as many calls as the pool has connections (15 by default) hold their first, none gets its
# second: after 30 s the pool refuses, and the server answers 400, which no client sends again. One
# connection more than calls is enough. mlflow.log_params, log_metrics and autolog are this call.
# Output seen (2026-11-30):
#   connections that one call holds at once: 2
#   14 calls at once, pool of 15: all return
#   15 calls at once, pool of 15: QueuePool limit of size 5 overflow 10 reached
# Source: mlflow/store/tracking/sqlalchemy_store.py of 3.6.0, `log_batch`, `_log_metrics`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/python -m pip install --quiet --no-compile --disable-pip-version-check \
  mlflow-skinny==3.6.0 sqlalchemy==2.0.58 alembic==1.20.0 pandas==2.3.3 numpy==2.3.5

cat >at_once.py <<'PY'
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from mlflow.entities import Metric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

store = SqlAlchemyStore("sqlite:///runs.db", "artifacts:/")
borrowed, line, local = [], None, threading.local()


@sa.event.listens_for(store.engine, "checkout")
def checkout(*_):
    borrowed.append(store.engine.pool.checkedout())
    if line and not getattr(local, "holds", False):
        local.holds = True
        line.wait()  # until every call has its first connection


def log(run_id):
    local.holds = False
    try:
        store.log_batch(run_id, [Metric("loss", 0.5, 0, 0)], [], [])
    except Exception as error:
        return re.search("QueuePool limit of size . overflow .. reached|.*", str(error))[0]
    return "returns"


runs = [store.create_run("0", "kim", 0, [], "run").info.run_id for _ in range(30)]
borrowed.clear()
log(runs.pop())
print("connections that one call holds at once:", max(borrowed))
for calls in (14, 15):
    line = threading.Barrier(calls)
    with ThreadPoolExecutor(calls) as threads:
        said = set(threads.map(log, [runs.pop() for _ in range(calls)])) - {"returns"}
    print(f"{calls} calls at once, pool of 15:", *said or ["all return"])
PY

env/bin/python at_once.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
connections that one call holds at once: 2
14 calls at once, pool of 15: all return
15 calls at once, pool of 15: QueuePool limit of size 5 overflow 10 reached
TXT
