"""The tracking server that the chapters of one test run share."""

import os
from collections.abc import Callable

import pytest
from mlflow_lab import TrackingServer

_OURS = "HANDBOOK_SHARED_SERVER"


def foreign_server() -> bool:
    """Whether MLFLOW_TRACKING_URI names a server that this test run did not start."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    return bool(uri) and uri != os.environ.get(_OURS)


def start() -> Callable[[], None]:
    """Start the shared server and name it in the environment; returns what stops it.

    xdist workers and kernels inherit the environment.
    """
    server = TrackingServer(quiet=True).start()
    os.environ["MLFLOW_TRACKING_URI"] = os.environ[_OURS] = server.uri

    def stop() -> None:
        server.stop()
        for name in ("MLFLOW_TRACKING_URI", _OURS):
            os.environ.pop(name, None)

    return stop


def require_answer() -> None:
    """Leave pytest with one sentence if the server of MLFLOW_TRACKING_URI does not answer."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = os.environ["MLFLOW_TRACKING_URI"]
    retries = os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    try:
        MlflowClient(uri).search_experiments(max_results=1)
    except MlflowException as error:
        reason = str(error).splitlines()[0]
        pytest.exit(f"MLFLOW_TRACKING_URI={uri}: no usable tracking server there: {reason}", 4)
    finally:
        del os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
        if retries is not None:
            os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = retries
