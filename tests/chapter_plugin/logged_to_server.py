"""What a chapter left on the tracking server, as the server tells it."""

import os
from pathlib import Path

PARTS = ("concepts", "client")  # the parts whose chapters log to the shared server


def check(notebook: Path, since: float, root: Path) -> list[str]:
    """Problems if a chapter of these parts brought no experiment with a run, model or trace.

    `since` is when its execution began, in seconds since the epoch. A chapter's experiment is
    recognised by its name, `<chapter>-...`, which its set-up cell gives (gates.py beside this).
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if notebook.parent.name not in PARTS or notebook.parent.parent != root / "notebooks":
        return []
    if not uri:
        return [f"{notebook.stem}: no tracking server to ask what arrived"]
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiments = [
        experiment.experiment_id
        for experiment in client.search_experiments(
            filter_string=f"name LIKE '{notebook.stem}-%'", order_by=["creation_time DESC"]
        )
        if experiment.creation_time >= since * 1000 - 60_000  # clocks of two machines may differ
    ]
    if not experiments:
        return [f"no experiment named {notebook.stem}-... arrived on the tracking server"]
    arrived = (
        client.search_runs(experiments, max_results=1)
        or client.search_logged_models(experiments, max_results=1)
        or client.search_traces(locations=experiments, max_results=1)
    )
    return [] if arrived else ["no run, model or trace arrived on the tracking server"]
