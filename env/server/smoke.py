"""Whether a client can work with the server: python smoke.py, on the client's machine.

Reads what every client of MLflow reads: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME,
MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_SERVER_CERT_PATH. Stops at the first step that fails and
exits with 1. Leaves a deleted run in an experiment of the user's own.
"""

import os
import sys
import tempfile

import requests

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
URI = os.environ["MLFLOW_TRACKING_URI"].rstrip("/")
USER, PASSWORD = (os.environ.get(f"MLFLOW_TRACKING_{n}", "") for n in ("USERNAME", "PASSWORD"))
TRUST = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH", True)
state = {}


def get(path: str, **options) -> None:
    answer = requests.get(URI + path, verify=TRUST, timeout=30, allow_redirects=False, **options)
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code} {' '.join(answer.text.split())[:90]}")


def health() -> None:
    get("/health")


def login() -> None:
    get("/api/2.0/mlflow/users/get", params={"username": USER}, auth=(USER, PASSWORD))


def run() -> None:
    import mlflow

    mlflow.set_experiment(f"smoke-{USER}")
    state["run"] = mlflow.start_run()
    mlflow.log_metric("answer", 42)
    assert mlflow.get_run(state["run"].info.run_id).data.metrics == {"answer": 42}


def artifact() -> None:
    import mlflow

    mlflow.log_text("한글", "note.txt")
    assert mlflow.artifacts.load_text(f"{state['run'].info.artifact_uri}/note.txt") == "한글"


def model() -> None:
    import mlflow

    class Double(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [2 * x for x in model_input]

    logged = mlflow.pyfunc.log_model(name="double", python_model=Double(), pip_requirements=[])
    with tempfile.TemporaryDirectory() as folder:
        loaded = mlflow.pyfunc.load_model(logged.model_uri, dst_path=folder)
        assert loaded.predict([21]) == [42]


def clean_up() -> None:
    import mlflow

    mlflow.end_run()
    mlflow.delete_run(state["run"].info.run_id)


for step in (health, login, run, artifact, model, clean_up):
    try:
        step()
    except Exception as error:
        said = " ".join(str(error).split())
        said = said if len(said) < 300 else f"...{said[-200:]}"  # a cause is at the end
        print(f"{step.__name__:9} FAILED  {type(error).__name__}: {said}")
        sys.exit(1)
    print(f"{step.__name__:9} ok")
