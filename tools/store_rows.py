"""What a run of `tools.fill_store` is, and the rows that MLflow 3.6.0 stores for it.

A run depends on a seed, its number and a shape alone, so that a test can log the same run through
the API and compare the tables. It ends at once, has metrics of several steps and, every so many
runs, a logged model and a trace of two spans.
"""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIRST_START = 1_700_000_000_000  # start of run 0, ms since 1970
BETWEEN = 60_000  # ms from the start of a run to that of the next
USER, SOURCE = "kim", "train.py"
CHOICES = 10  # different values of a param or a tag: a filter for one finds a tenth of the runs

# The order is that of their foreign keys. `spans.duration_ns` is computed by the database.
COLUMNS = {
    "runs": (
        *("run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id"),
        *("status", "start_time", "end_time", "source_version", "lifecycle_stage"),
        *("artifact_uri", "experiment_id"),
    ),
    "params": ("run_uuid", "key", "value"),
    "tags": ("run_uuid", "key", "value"),
    "metrics": ("run_uuid", "key", "value", "timestamp", "step", "is_nan"),
    "latest_metrics": ("run_uuid", "key", "value", "timestamp", "step", "is_nan"),
    "logged_models": (
        *("model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms"),
        *("last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type", "source_run_id"),
    ),
    "logged_model_params": ("model_id", "experiment_id", "param_key", "param_value"),
    "logged_model_tags": ("model_id", "experiment_id", "tag_key", "tag_value"),
    "logged_model_metrics": (
        *("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value"),
        *("experiment_id", "run_id"),
    ),
    "inputs": (
        *("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step"),
    ),
    "trace_info": (
        *("request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status"),
        *("request_preview", "response_preview"),
    ),
    "trace_tags": ("request_id", "key", "value"),
    "trace_request_metadata": ("request_id", "key", "value"),
    "spans": (
        *("trace_id", "experiment_id", "span_id", "parent_span_id", "name", "type", "status"),
        *("start_time_unix_nano", "end_time_unix_nano", "content"),
    ),
}
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """How much a run has.

    Attributes:
        params, metrics, tags: how many names.
        steps: values of each metric.
        models_every, traces_every: a logged model or a trace in each of so many runs; 0 for none.
    """

    params: int = 5
    metrics: int = 5
    steps: int = 4
    tags: int = 3
    models_every: int = 10
    traces_every: int = 10


@dataclass(frozen=True)
class Run:
    """A run; times in ms since 1970.

    Attributes:
        metrics: (name, value, time, step), by name and step.
        model_id, trace_id: empty where the run has none.
    """

    run_id: str
    name: str
    start: int
    end: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[tuple[str, float, int, int]]
    model_id: str
    trace_id: str
    span_ids: tuple[str, str]

    @property
    def latest(self) -> list[tuple[str, float, int, int]]:
        return list({metric[0]: metric for metric in self.metrics}.values())

    @property
    def all_tags(self) -> dict[str, str]:
        """With those that `mlflow.start_run` sets."""
        system = {"user": USER, "source.name": SOURCE, "source.type": "LOCAL", "runName": self.name}
        return {f"mlflow.{key}": value for key, value in system.items()} | self.tags

    @property
    def request(self) -> dict[str, str]:
        return {"question": f"why does {self.name} differ"}

    @property
    def response(self) -> dict[str, str]:
        return {"answer": f"because of {self.name}"}


def run_of(seed: int, number: int, shape: Shape) -> Run:
    """The same for the same arguments, on every machine."""
    drawn = random.Random(f"{seed}-{number}")
    start = FIRST_START + number * BETWEEN
    end = start + 1000 * max(shape.steps, 1)

    def identifier(bits: int) -> str:
        return f"{drawn.getrandbits(bits):0{bits // 4}x}"

    def one_of(kind: str, count: int) -> dict[str, str]:
        return {f"{kind}_{i}": str(drawn.randrange(CHOICES)) for i in range(count)}

    return Run(
        run_id=identifier(128),
        name=f"run-{number}",
        start=start,
        end=end,
        params=one_of("param", shape.params),
        tags=one_of("tag", shape.tags),
        metrics=[
            (f"metric_{i}", drawn.random(), start + 1000 * step, step)
            for i in range(shape.metrics)
            for step in range(shape.steps)
        ],
        model_id=f"m-{identifier(128)}" if _has(shape.models_every, number) else "",
        trace_id=f"tr-{identifier(128)}" if _has(shape.traces_every, number) else "",
        span_ids=(identifier(64), identifier(64)),
    )


def _has(every: int, number: int) -> bool:
    return every > 0 and number % every == 0


def rows_of(run: Run, experiment_id: int, location: str) -> Iterator[tuple[str, Row]]:
    """Tables and rows of a run in an experiment whose files are at `location`."""
    id = run.run_id
    started = (id, run.name, "UNKNOWN", "", "", USER, "FINISHED", run.start, run.end, "", "active")
    yield "runs", (*started, f"{location}/{id}/artifacts", experiment_id)
    for key, value in run.params.items():
        yield "params", (id, key, value)
    for key, value in run.all_tags.items():
        yield "tags", (id, key, value)
    for metric in run.metrics:
        yield "metrics", (id, *metric, False)
    for metric in run.latest:
        yield "latest_metrics", (id, *metric, False)
    if run.model_id:
        yield from _rows_of_model(run, experiment_id, location)
    if run.trace_id:
        yield from _rows_of_trace(run, experiment_id, location)


def _rows_of_model(run: Run, experiment_id: int, location: str) -> Iterator[tuple[str, Row]]:
    id = run.model_id
    named = (id, experiment_id, f"model-of-{run.name}", f"{location}/models/{id}/artifacts")
    ready = 2  # LoggedModelStatus.READY
    yield "logged_models", (*named, run.end, run.end, ready, "active", "sklearn", run.run_id)
    for key, value in run.params.items():
        yield "logged_model_params", (id, experiment_id, key, value)
    for key, value in run.tags.items():
        yield "logged_model_tags", (id, experiment_id, key, value)
    for name, reached, time, step in run.latest:
        # 3.6.0 writes the experiment of the server's own process, which is the default one.
        yield "logged_model_metrics", (id, name, time, step, reached, 0, run.run_id)
    link = id[2:][::-1]  # any other 32 digits
    yield "inputs", (link, "RUN_OUTPUT", run.run_id, "MODEL_OUTPUT", id, 0)


def _rows_of_trace(run: Run, experiment_id: int, location: str) -> Iterator[tuple[str, Row]]:
    id, (root, child) = run.trace_id, run.span_ids
    request, response = json.dumps(run.request), json.dumps(run.response)
    took = run.end - run.start
    yield "trace_info", (id, experiment_id, run.start, took, "OK", request, response)
    tags = {
        "mlflow.traceName": "ask",
        "mlflow.artifactLocation": f"{location}/traces/{id}/artifacts",
        "mlflow.trace.spansLocation": "TRACKING_STORE",
    }
    for key, value in tags.items():
        yield "trace_tags", (id, key, value)
    spans = [
        (root, None, "ask", "CHAIN", run.start),
        (child, root, "retrieve", "RETRIEVER", run.start + 1),
    ]
    contents = [_content(run, *span, request, response) for span in spans]
    sizes = sorted(map(len, contents))
    metadata = {
        "mlflow.user": USER,
        "mlflow.source.name": SOURCE,
        "mlflow.source.type": "LOCAL",
        "mlflow.trace_schema.version": "3",
        "mlflow.traceInputs": request,
        "mlflow.traceOutputs": response,
        "mlflow.trace.sizeBytes": str(sum(sizes)),
        "mlflow.trace.sizeStats": json.dumps(
            {"total_size_bytes": sum(sizes), "num_spans": len(sizes), "max": sizes[-1]}
        ),
    }
    for key, value in metadata.items():
        yield "trace_request_metadata", (id, key, value)
    for (span, parent, name, kind, start), content in zip(spans, contents, strict=True):
        times = (start * 10**6, run.end * 10**6)
        yield "spans", (id, experiment_id, span, parent, name, kind, "OK", *times, content)


def _content(
    run: Run,
    span: str,
    parent: str | None,
    name: str,
    kind: str,
    start: int,
    request: str,
    response: str,
) -> str:
    def encoded(digits: str | None) -> str | None:
        return digits and base64.b64encode(bytes.fromhex(digits)).decode()

    return json.dumps(
        {
            "trace_id": encoded(run.trace_id[3:]),
            "span_id": encoded(span),
            "parent_span_id": encoded(parent),
            "name": name,
            "start_time_unix_nano": start * 10**6,
            "end_time_unix_nano": run.end * 10**6,
            "events": [],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {
                "mlflow.traceRequestId": json.dumps(run.trace_id),
                "mlflow.spanType": json.dumps(kind),
                "mlflow.spanInputs": request,
                "mlflow.spanOutputs": response,
            },
        }
    )
