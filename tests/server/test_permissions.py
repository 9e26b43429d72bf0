"""Behind env/server a user does nothing with what is closed to them, and everything with the rest.

What the published advisories say is in test_advisories.py; here is what nobody has published, and
that the owner of an experiment goes on as before.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.server.graphql.graphql_schema_extensions import schema

from tests.server.advisory_probes import Target, trace_request

API, API3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
AJAX, FILES = "/ajax-api/2.0/mlflow", "/api/2.0/mlflow-artifacts"


class Closed:
    """IDs of an experiment that is closed to the outsider, and of what is in it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.experiment = target.experiment()
        name = {"experiment_id": self.experiment}
        seen = target.done("GET", f"{API}/experiments/get", target.owner, params=name)
        self.name = seen["experiment"]["name"]
        self.run = target.run(self.experiment, target.owner)["run_id"]
        made = target.done("POST", f"{API}/logged-models", target.owner, json={**name, "name": "m"})
        self.model = made["model"]["info"]["model_id"]
        self.trace = f"tr-{secrets.token_hex(16)}"
        body = trace_request(self.trace, self.experiment)
        target.done("POST", f"{API3}/traces", target.owner, json=body)
        self.registered = f"closed-{secrets.token_hex(4)}"
        models = f"{API}/registered-models"
        target.done("POST", f"{models}/create", target.owner, json={"name": self.registered})
        no = {"username": target.outsider[0], "permission": "NO_PERMISSIONS"}
        no["name"] = self.registered
        target.done("POST", f"{models}/permissions/create", target.owner, json=no)
        target.done(
            "POST",
            f"{API}/model-versions/create",
            target.owner,
            json={"name": self.registered, "source": f"models:/{self.model}"},
        )
        body = {"name": f"set-{secrets.token_hex(4)}", "experiment_ids": [self.experiment]}
        made = target.done("POST", f"{API3}/datasets/create", target.owner, json=body)
        self.dataset = made["dataset"]["dataset_id"]
        self.own_run = target.run(self._own_experiment(), target.outsider)["run_id"]
        self.own_name = f"own-{secrets.token_hex(4)}"
        target.done("POST", f"{models}/create", target.outsider, json={"name": self.own_name})

    def _own_experiment(self) -> str:
        body = {"name": f"own-{secrets.token_hex(4)}"}
        path = f"{API}/experiments/create"
        self.own = self.target.done("POST", path, self.target.outsider, json=body)["experiment_id"]
        return self.own


@pytest.fixture(scope="module")
def target(team) -> Target:
    return Target(team.uri, ("admin", team.password), str(team.certificate))


@pytest.fixture(scope="module")
def closed(target) -> Closed:
    return Closed(target)


REQUESTS = [
    ("GET", "/get-artifact?run_id={run}&path=x", None),
    ("GET", "/get-artifact?run_uuid={run}&path=x", None),
    ("GET", "/model-versions/get-artifact?name={registered}&version=1&path=x", None),
    ("GET", AJAX + "/logged-models/{model}/artifacts/files?artifact_file_path=x", None),
    ("GET", API + "/logged-models/{model}/artifacts/directories", None),
    ("GET", FILES + "/artifacts?path={experiment}", None),
    ("GET", FILES + "/artifacts?path=./{experiment}/x", None),
    ("GET", AJAX + "/metrics/get-history-bulk?run_id={own_run}&run_id={run}&metric_key=x", None),
    ("GET", AJAX + "/metrics/get-history-bulk-interval?run_ids={run}&metric_key=x", None),
    ("POST", AJAX + "/experiments/search-datasets", {"experiment_ids": ["{experiment}"]}),
    ("POST", AJAX + "/upload-artifact?run_uuid={run}&path=x.txt", "planted"),
    ("POST", API + "/runs/log-inputs", {"run_id": "{run}", "datasets": []}),
    ("POST", API + "/runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}"}]}),
    ("GET", API3 + "/traces/{trace}", None),
    ("GET", API3 + "/traces/batchGet?trace_ids={trace}", None),
    ("GET", API + "/traces/{trace}/info", None),
    ("GET", API + "/traces?experiment_ids={experiment}", None),
    ("GET", AJAX + "/get-trace-artifact?request_id={trace}", None),
    ("POST", API3 + "/traces/{trace}/assessments", {"assessment": {"assessment_name": "x"}}),
    ("POST", API + "/traces/link-to-run", {"trace_ids": ["{trace}"], "run_id": "{run}"}),
    ("POST", API3 + "/traces/delete-traces", {"experiment_id": "{experiment}", "max_traces": 1}),
    ("GET", API3 + "/scorers/list?experiment_id={experiment}", None),
    ("GET", API3 + "/datasets/{dataset}", None),
    ("GET", API3 + "/datasets/{dataset}/records", None),
    ("PATCH", API3 + "/datasets/{dataset}/tags", {"tags": '{"a": "b"}'}),
    ("POST", API3 + "/datasets/search", {"experiment_ids": ["{experiment}"]}),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), REQUESTS, ids=[f"{r[0]} {r[1]}" for r in REQUESTS]
)
def test_what_is_closed_is_closed_to_the_outsider_alone(closed, method, path, body):
    if isinstance(body, dict):
        body = json.loads(_filled(json.dumps(body), closed))
    parts = {"data": body} if isinstance(body, str) else {"json": body}
    path = path.format(**vars(closed))
    ask = closed.target.ask
    assert ask(method, path, closed.target.outsider, **parts).status_code == 403
    assert ask(method, path, closed.target.owner, **parts).status_code not in (401, 403)


def _filled(text: str, closed: Closed) -> str:
    for name, value in vars(closed).items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def test_a_search_for_traces_is_for_experiments_that_the_user_may_read(closed):
    def search(who, *experiments: str) -> int:
        places = [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
            for experiment in experiments
        ]
        path = f"{API3}/traces/search"
        return closed.target.ask("POST", path, who, json={"locations": places}).status_code

    outsider, owner = closed.target.outsider, closed.target.owner
    assert search(outsider, closed.own) == search(owner, closed.own, closed.experiment) == 200
    assert search(outsider, closed.own, closed.experiment) == 403
    assert search(outsider) in (400, 403)


def test_nobody_takes_over_a_trace_by_starting_it_again(closed):
    body = trace_request(closed.trace, closed.own)
    answer = closed.target.ask("POST", f"{API3}/traces", closed.target.outsider, json=body)
    assert answer.status_code == 403


@pytest.mark.parametrize("spelling", ["0{}", "+{}", " {}", "{}_0", "-{}"])
def test_an_experiment_has_one_id(closed, spelling):
    other = spelling.format(closed.experiment)
    ask, outsider = closed.target.ask, closed.target.outsider
    for method, path, parts in (
        ("GET", f"{API}/experiments/get", {"params": {"experiment_id": other}}),
        ("POST", f"{API}/runs/create", {"json": {"experiment_id": other}}),
        ("POST", f"{API}/runs/search", {"json": {"experiment_ids": [other]}}),
        ("POST", f"{API}/logged-models/search", {"json": {"experiment_ids": [other]}}),
    ):
        assert ask(method, path, outsider, **parts).status_code == 400, path


def test_a_field_that_is_named_twice_is_what_the_handler_takes(closed):
    """basic-auth looks at `run_id`, the handler takes the last of the two."""
    target = closed.target
    tag = {"run_id": closed.own_run, "key": "planted", "value": "x", "runId": closed.run}
    assert target.ask("POST", f"{API}/runs/set-tag", target.outsider, json=tag).status_code == 403
    answer = target.ask(
        "DELETE",
        f"{API}/registered-models/delete?name={closed.own_name}",
        target.outsider,
        data=json.dumps({"name": closed.registered}),
        headers={"Content-Type": "text/plain"},
    )
    assert answer.status_code == 403
    run = target.done("GET", f"{API}/runs/get?run_id={closed.run}", target.owner)["run"]
    assert "planted" not in {tag["key"] for tag in run["data"].get("tags", [])}
    target.done("GET", f"{API}/registered-models/get?name={closed.registered}", target.owner)


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "DELETE"])
@pytest.mark.parametrize("path", [API + "/runs/get?run_id={run}", "/get-artifact?run_id={run}"])
def test_a_method_that_no_route_declares_is_refused(closed, method, path):
    answer = closed.target.ask(method, path.format(run=closed.run), closed.target.outsider)
    assert answer.status_code in (403, 405)


def test_webhooks_are_for_administrators(closed):
    target = closed.target
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("POST", "/x/test")):
        answer = target.ask(method, f"{API}/webhooks{path}", target.outsider, json={})
        assert answer.status_code == 403, path
    assert target.ask("GET", f"{API}/webhooks", target.admin).status_code == 200


QUERIES = {
    "mlflowGetExperiment": 'experimentId: "{experiment}"',
    "mlflowGetRun": 'runId: "{run}"',
    "mlflowListArtifacts": 'runId: "{run}"',
    "mlflowGetMetricHistoryBulkInterval": 'runIds: ["{own_run}", "{run}"], metricKey: "x"',
}


def graph(closed: Closed, who, query: str) -> dict:
    query = _filled(query, closed)
    return closed.target.done("POST", "/graphql", who, json={"query": query})


@pytest.mark.parametrize("field", QUERIES)
def test_graphql_shows_what_the_user_may_read(closed, field):
    query = f"{{ {field}(input: {{{QUERIES[field]}}}) {{ __typename }} }}"
    refused = graph(closed, closed.target.outsider, query)
    assert refused == {"data": {field: None}, "errors": ["Permission denied"]}
    assert graph(closed, closed.target.owner, query)["data"][field]["__typename"]


def test_graphql_searches_what_the_user_may_read(closed):
    own, outsider = closed.target.owner, closed.target.outsider
    versions = "{ mlflowSearchModelVersions(input: {}) { modelVersions { name } } }"
    runs = 'mutation { mlflowSearchRuns(input: {experimentIds: ["ID"]}) { runs { info { runId }}}}'
    seen = graph(closed, own, versions)["data"]["mlflowSearchModelVersions"]["modelVersions"]
    assert closed.registered in {version["name"] for version in seen}
    assert closed.registered not in json.dumps(graph(closed, outsider, versions))
    for spelling in (closed.experiment, f"0{closed.experiment}"):
        assert closed.run not in json.dumps(graph(closed, outsider, runs.replace("ID", spelling)))
    assert closed.run in json.dumps(graph(closed, own, runs.replace("ID", closed.experiment)))
    datasets = f'experimentIds: ["{closed.experiment}"]'
    query = f"mutation {{ mlflowSearchDatasets(input: {{{datasets}}}) {{ __typename }} }}"
    assert graph(closed, outsider, query)["errors"] == ["Permission denied"]


def test_graphql_has_no_other_roots():
    """Each is guarded by name in permissions.py."""
    roots = {
        name
        for root in (schema.graphql_schema.query_type, schema.graphql_schema.mutation_type)
        for name in root.fields
    }
    assert roots == {
        *QUERIES,
        *("mlflowSearchRuns", "mlflowSearchModelVersions", "mlflowSearchDatasets"),
        *("test", "testMutation"),  # say what they are told
    }


SOURCES = [
    ("s3://elsewhere/model", 403),
    ("s3://mlflow-other/model", 403),
    ("s3://mlflow/{experiment}/model", 403),
    ("mlflow-artifacts:/{experiment}/model", 403),
    ("mlflow-artifacts:/./{experiment}/model", 403),
    ("models:/{model}", 403),
    ("models:/{registered}/1", 403),
    ("runs:/{run}/model", 403),
    ("s3://mlflow/{own}/model", 200),
    ("mlflow-artifacts:/{own}/model", 200),
    ("runs:/{own_run}/model", 200),
]


@pytest.mark.parametrize(("source", "status"), SOURCES)
def test_a_model_version_comes_from_where_its_user_may_read(closed, source, status):
    source = source.format(**vars(closed))
    body = {"name": closed.own_name, "source": source}
    path = f"{API}/model-versions/create"
    answer = closed.target.ask("POST", path, closed.target.outsider, json=body)
    assert answer.status_code == status, answer.text
    if "elsewhere" in source:
        assert "Outside of where this server stores files" in answer.json()["message"]


@pytest.mark.parametrize(
    "location", ["s3://elsewhere/x", "s3://mlflow/{experiment}", "mlflow-artifacts:/{experiment}/x"]
)
def test_an_experiment_stores_where_its_user_may_write(closed, location):
    def create(who) -> int:
        name = f"stored-{secrets.token_hex(4)}"
        body = {"name": name, "artifact_location": location.format(**vars(closed))}
        return closed.target.ask("POST", f"{API}/experiments/create", who, json=body).status_code

    assert create(closed.target.outsider) == 403
    assert create(closed.target.admin) == 200


def test_files_of_an_experiment_with_a_place_of_its_own_are_its_own(closed):
    target, place = closed.target, f"place-{secrets.token_hex(4)}"
    body = {"name": place, "artifact_location": f"mlflow-artifacts:/{place}/deep"}
    made = target.done("POST", f"{API}/experiments/create", target.admin, json=body)
    no = {"username": target.outsider[0], "permission": "NO_PERMISSIONS"}
    path = f"{API}/experiments/permissions/create"
    target.done("POST", path, target.admin, json=no | {"experiment_id": made["experiment_id"]})
    file = f"{FILES}/artifacts/{place}/deep/x.txt"
    assert target.ask("PUT", file, target.admin, data=b"x").status_code == 200
    assert target.ask("GET", file, target.outsider).status_code == 403
    assert target.ask("GET", file, target.owner).text == "x"  # READ by default


def test_a_trace_does_not_say_where_the_server_reads(closed):
    path = f"{API3}/traces/{closed.trace}/tags"
    body = {"key": "mlflow.artifactLocation", "value": "s3://elsewhere/x"}
    assert closed.target.ask("PATCH", path, closed.target.owner, json=body).status_code == 403
    body = {"key": "note", "value": "x"}
    assert closed.target.ask("PATCH", path, closed.target.owner, json=body).status_code == 200


def test_every_route_of_mlflow_has_a_rule(tmp_path):
    """One without is refused to all but administrators: this is how a new one is noticed."""
    script = Path(__file__).with_name("routes.py")
    command = [sys.executable, script, tmp_path, "without a rule"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [json.loads(line) for line in listed.splitlines() if line.startswith("[")] == [
        ["POST", f"{API}/users/create-ui"]  # a form for administrators, which MLflow does not check
    ]
