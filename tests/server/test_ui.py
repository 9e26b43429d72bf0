"""The UI works through the proxy, behind its password, with all that the proxy refuses."""

from collections.abc import Iterator

import mlflow
import pytest
from mlflow_lab.browser import FLAGS, LAUNCH_WITHIN, executable

from tests.waiting import patient


@pytest.fixture
def trusting(browser) -> Iterator:
    """A browser that takes any certificate.

    A context with `ignore_https_errors` is asked at each connection. Chromium now and then asks 32
    times for one file, and then gives it up: ERR_TOO_MANY_RETRIES, and the UI shows an error.
    """
    flags = [*FLAGS, "--ignore-certificate-errors"]
    launched = browser.browser_type.launch(
        executable_path=executable(), args=flags, timeout=LAUNCH_WITHIN
    )
    launched.on("context", patient)
    yield launched
    launched.close()


@pytest.fixture
def filled(team, kim, monkeypatch) -> Iterator[tuple[str, str]]:
    """IDs of an experiment of kim's and of its run with a metric, a file and a trace."""
    before = mlflow.get_tracking_uri()
    for name, value in kim.items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(team.uri)
    experiment = mlflow.set_experiment("seen in the UI")
    with mlflow.start_run(run_name="shown") as run:
        mlflow.log_metric("loss", 0.25)
        mlflow.log_text("hello from a file", "note.txt")
        with mlflow.start_span("step"):
            pass
    yield experiment.experiment_id, run.info.run_id
    mlflow.set_tracking_uri(before)


def test_every_page_of_a_run_loads(trusting, team, kim, filled):
    experiment_id, run_id = filled
    pages = {
        f"/#/experiments/{experiment_id}/runs": "seen in the UI",
        f"/#/experiments/{experiment_id}/traces": "Trace ID",
        f"/#/experiments/{experiment_id}/runs/{run_id}": "loss",
        f"/#/experiments/{experiment_id}/runs/{run_id}/artifacts/note.txt": "hello from a file",
        "/#/models": "Registered Models",
    }
    credentials = {
        "username": kim["MLFLOW_TRACKING_USERNAME"],
        "password": kim["MLFLOW_TRACKING_PASSWORD"],
    }
    answered, errors = [], []
    context = trusting.new_context(http_credentials=credentials)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda r: answered.append((r.status, r.request.method, r.url)))
    for path, text in pages.items():
        page.goto(team.uri + path)
        page.reload()  # the path after # alone loads nothing
        page.get_by_text(text).first.wait_for()
        page.wait_for_load_state("networkidle")
    context.close()
    assert errors == []
    # The browser asks without a password first, and is asked for it.
    assert [r for r in answered if r[0] >= 400 and r[0] != 401] == []
