"""Measures a tracking server: what it does per second while several clients use it at once.

    python benchmark.py --tracking-uri https://mlflow.example.com --clients 8 --seconds 10

Needs mlflow and nothing else. Credentials and the certificate come from the environment, as for
every client of MLflow: MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and
MLFLOW_TRACKING_SERVER_CERT_PATH.

It works in an experiment of its own and deletes it at the end with its files, unless --keep is
given. The rows of a deleted experiment stay in the database until `mlflow gc` on the server.
"""

import argparse
import json
import math
import multiprocessing
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Before mlflow is imported: no retries, which would hide errors and stretch times; no usage data.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow
from mlflow.entities import Metric, Param
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.rest_utils import http_request
from requests.exceptions import ConnectionError

METRICS = 1000  # of one log_batch: the most that the server takes
PARAMS = 100  # likewise
PAGE = 100  # runs that the UI asks for at a time
FILE = "benchmark.bin"
# Yields once it is prepared, then after each call how many of the unit that call was.
Task = Callable[["Client"], Iterator[float]]


class Client:
    """What one of the client processes works with."""

    def __init__(self, settings: argparse.Namespace, experiment: str, number: int) -> None:
        mlflow.set_tracking_uri(settings.tracking_uri)
        self.settings = settings
        self.experiment = experiment
        self.number = number
        self.mlflow = mlflow.MlflowClient()

    def new_run(self) -> str:
        return self.mlflow.create_run(self.experiment).info.run_id


def runs(client: Client) -> Iterator[float]:
    yield 0
    while True:
        client.mlflow.set_terminated(client.new_run())
        yield 1


def fill(client: Client) -> Iterator[float]:
    """This client's share of the runs that the searches go through."""
    for number in range(client.number, client.settings.runs, client.settings.clients):
        run = client.new_run()
        metrics = [Metric(f"metric-{i}", (number * 37 + i) % 101, 0, 0) for i in range(5)]
        params = [Param(f"param-{i}", str(number)) for i in range(5)]
        client.mlflow.log_batch(run, metrics, params)
        client.mlflow.set_terminated(run)
        yield 1


def log_metric(client: Client) -> Iterator[float]:
    run, step = client.new_run(), 0
    yield 0
    while True:
        client.mlflow.log_metric(run, "loss", 0.5, step=step)
        step += 1
        yield 1


def log_batch(client: Client) -> Iterator[float]:
    run, step = client.new_run(), 0
    yield 0
    while True:
        now = time.time_ns() // 1_000_000
        client.mlflow.log_batch(run, [Metric("loss", 0.5, now, step + i) for i in range(METRICS)])
        step += METRICS
        yield METRICS


def params(client: Client) -> Iterator[float]:
    yield 0
    while True:
        run = client.new_run()
        client.mlflow.log_batch(run, params=[Param(f"param-{i}", "0.5") for i in range(PARAMS)])
        yield PARAMS


def search(client: Client) -> Iterator[float]:
    """As the page of an experiment does when its table is sorted by a metric."""
    body = {
        "experiment_ids": [client.experiment],
        "order_by": ["metrics.`metric-0` DESC"],
        "max_results": PAGE,
        "run_view_type": "ACTIVE_ONLY",
    }
    credentials = client.mlflow._tracking_client.store.get_host_creds()
    yield 0
    while True:
        answer = http_request(credentials, "/api/2.0/mlflow/runs/search", "POST", json=body)
        answer.raise_for_status()
        answer.json()
        yield 1


def upload(client: Client) -> Iterator[float]:
    run = client.new_run()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, FILE)
        file.write_bytes(_bytes(client))
        client.mlflow.log_artifact(run, str(file))  # the server imports what its store needs
        yield 0
        while True:
            client.mlflow.log_artifact(run, str(file))
            yield client.settings.megabytes


def download(client: Client) -> Iterator[float]:
    run = client.new_run()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, FILE)
        file.write_bytes(_bytes(client))
        client.mlflow.log_artifact(run, str(file))
        yield 0
        while True:
            client.mlflow.download_artifacts(run, FILE, folder)
            yield client.settings.megabytes


def _bytes(client: Client) -> bytes:
    return secrets.token_bytes(math.ceil(client.settings.megabytes * 2**20))


# In this order: the searches go through the runs of `fill` and no others.
TASKS: dict[str, tuple[Task, str]] = {
    "search": (search, "searches"),
    "runs": (runs, "runs"),
    "log_metric": (log_metric, "metrics"),
    "log_batch": (log_batch, "metrics"),
    "params": (params, "params"),
    "upload": (upload, "MB"),
    "download": (download, "MB"),
}


def work(client: Client, task: Task, seconds: float, most: float) -> dict:
    """Runs a task until the time is over, or the number of requests; errors do not end it."""
    amount, times, errors = 0.0, [], []
    steps, ready = _prepare(task, client, errors)
    began = now = time.monotonic()
    while ready and now - began < seconds and len(times) + len(errors) < most:
        try:
            done = next(steps)
        except Exception as error:
            errors.append(_one_line(error))
            steps, ready = _prepare(task, client, errors)
        else:
            amount += done
            times.append(time.monotonic() - now)
        now = time.monotonic()
    return {"amount": amount, "times": times, "errors": errors, "seconds": now - began}


def _prepare(task: Task, client: Client, errors: list[str]) -> tuple[Iterator[float], bool]:
    steps = task(client)
    try:
        next(steps)
    except Exception as error:
        errors.append(_one_line(error))
        return steps, False
    return steps, True


def _one_line(error: BaseException) -> str:
    """What happened, without what requests and urllib3 wrap it in."""
    text = " ".join(str(error).split())
    if "Caused by " in text:
        cause = text.rpartition("Caused by ")[2]
        text = re.sub(r"HTTPS?Connection(Pool)?\(.*?\): |[\"')]", "", cause).replace("(", ": ", 1)
    else:
        text = f"{type(error).__name__}: {text}"
    return text[:200]


def serve(pipe, settings: argparse.Namespace, experiment: str, number: int) -> None:
    """A client process: does what comes through the pipe until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends us
    client = Client(settings, experiment, number)
    while True:
        try:
            name = pipe.recv()
        except EOFError:
            return
        if name == "fill":
            try:
                pipe.send({"filled": sum(fill(client))})
            except Exception as error:
                pipe.send({"error": _one_line(error)})
        else:
            pipe.send(work(client, TASKS[name][0], settings.seconds, settings.requests))


class Clients:
    """The client processes."""

    def __init__(self, settings: argparse.Namespace, experiment: str) -> None:
        # Elsewhere a fork is not safe, and each process imports mlflow again.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._pipes, self._processes = [], []
        for number in range(settings.clients):
            ours, theirs = context.Pipe()
            arguments = (theirs, settings, experiment, number)
            process = context.Process(target=serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def all_do(self, name: str) -> list[dict]:
        try:
            for pipe in self._pipes:
                pipe.send(name)
            return [pipe.recv() for pipe in self._pipes]
        except (EOFError, OSError):
            raise SystemExit(f"benchmark: a client process was lost during {name}") from None

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()


def summary(name: str, parts: list[dict]) -> dict:
    times = sorted(t for part in parts for t in part["times"])
    errors = [e for part in parts for e in part["errors"]]
    # Each client's own speed: one that is done early does not count as idle.
    rate = sum(part["amount"] / part["seconds"] for part in parts if part["seconds"])
    return {
        "task": name,
        "unit": TASKS[name][1],
        "amount": sum(part["amount"] for part in parts),
        "requests": len(times),
        "per_second": rate,
        "p50_ms": _percentile(times, 0.50),
        "p95_ms": _percentile(times, 0.95),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return 1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)]


HEAD = (
    f"{'task':<11}{'per second':>12} {'unit':<9}{'calls':>7}{'p50 ms':>9}{'p95 ms':>9}{'errors':>8}"
)


def line(row: dict) -> str:
    p50, p95 = ("-" if row[k] is None else f"{row[k]:.1f}" for k in ("p50_ms", "p95_ms"))
    return (
        f"{row['task']:<11}{row['per_second']:>12.1f} {row['unit']:<9}{row['requests']:>7}"
        f"{p50:>9}{p95:>9}{row['errors']:>8}"
    )


def connect(uri: str) -> mlflow.MlflowClient:
    """A client of this server. Ends the program with one line when it cannot be used."""
    if not uri.startswith(("http://", "https://")):
        raise SystemExit(f"benchmark: {uri!r} is not the address of a server (http:// or https://)")
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    credentials = client._tracking_client.store.get_host_creds()
    body = {"max_results": 1}
    try:
        answer = http_request(credentials, "/api/2.0/mlflow/experiments/search", "POST", json=body)
    except (ConnectionError, mlflow.MlflowException) as error:
        raise SystemExit(f"benchmark: no answer from {uri}: {_one_line(error)}") from None
    if answer.status_code == 401:
        hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise SystemExit(f"benchmark: {uri}: 401, the server wants a password: {hint}")
    if answer.status_code != 200 or "json" not in answer.headers.get("Content-Type", ""):
        said = " ".join(answer.text.split())[:100]
        raise SystemExit(f"benchmark: no MLflow at {uri}: {answer.status_code} {said}")
    return client


def measure(settings: argparse.Namespace, show: Callable[[str], None]) -> list[dict]:
    client = connect(settings.tracking_uri)
    experiment = client.create_experiment(f"benchmark-{secrets.token_hex(6)}")
    rows = []
    clients = Clients(settings, experiment)
    try:
        if "search" in settings.only:
            failed = [part["error"] for part in clients.all_do("fill") if "error" in part]
            if failed:
                raise SystemExit(f"benchmark: runs for the searches: {failed[0]}")
        show(HEAD)
        for name in settings.only:
            rows.append(summary(name, clients.all_do(name)))
            show(line(rows[-1]))
    finally:
        clients.stop()
        if not settings.keep:
            remove(client, experiment)
    for row in rows:
        if row["first_error"]:
            show(f"{row['task']}: {row['first_error']}")
    return rows


def remove(client: mlflow.MlflowClient, experiment: str) -> None:
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"  # what the clients left undone comes first
    try:
        place = client.get_experiment(experiment).artifact_location
        if place.startswith("mlflow-artifacts:"):
            get_artifact_repository(place).delete_artifacts()
        client.delete_experiment(experiment)
    except Exception as error:
        said = _one_line(error)
        print(f"benchmark: experiment {experiment} is left: {said}", file=sys.stderr)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    default = os.environ.get("MLFLOW_TRACKING_URI")
    add("--tracking-uri", default=default, required=not default, help="or MLFLOW_TRACKING_URI")
    add("--clients", type=_positive(int), default=4, metavar="N", help="at once (%(default)s)")
    add(
        *("--seconds", "-s"), type=_positive(float), default=5.0, metavar="N",
        help="for each task (%(default)s)",
    )  # fmt: skip
    add(
        "--requests", type=_positive(int), default=math.inf, metavar="N",
        help="the most of each client in each task (no limit but the time)",
    )  # fmt: skip
    add("--runs", type=_positive(int), default=200, metavar="N", help="to search (%(default)s)")
    add(
        "--megabytes", type=_positive(float), default=1.0, metavar="N",
        help="size of a file (%(default)s)",
    )  # fmt: skip
    add("--only", type=_tasks, default=list(TASKS), metavar="A,B", help=f"of {','.join(TASKS)}")
    add("--timeout", type=_positive(int), default=30, metavar="N", help="s, of one request")
    add("--json", type=Path, metavar="FILE", help="write the results there as well")
    add("--keep", action="store_true", help="leave the experiment")
    return parser.parse_args(arguments)


def _positive(kind: type) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if not 0 < value < math.inf:
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"  # argparse: invalid positive int value
    return parse


def _tasks(text: str) -> list[str]:
    asked = text.split(",")
    unknown = [name for name in asked if name not in TASKS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no task {unknown[0]!r}: {','.join(TASKS)}")
    return [name for name in TASKS if name in asked]


def main(arguments: list[str] | None = None) -> None:
    settings = _arguments(arguments)
    settings.tracking_uri = settings.tracking_uri.rstrip("/")
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(settings.timeout)
    try:
        rows = measure(settings, lambda text: print(text, flush=True))
    except KeyboardInterrupt:
        raise SystemExit("benchmark: interrupted") from None
    if settings.json:
        about = {k: getattr(settings, k) for k in ("clients", "seconds", "runs", "megabytes")}
        settings.json.write_text(json.dumps({**about, "tasks": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
