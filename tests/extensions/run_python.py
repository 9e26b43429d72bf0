"""Runs lines of Python one after the other in one namespace, as a reader types them.

Reads the lines as a JSON list from the standard input; writes as JSON what went wrong with each
(null for nothing), and the ids that later lines of the page need, to the file named first.
"""

import json
import sys
import traceback
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def initial_namespace() -> dict:
    """Data, a model that can be fitted, a figure, and files to upload."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(as_frame=True, return_X_y=True)
    X.head(3).to_csv("in.csv", index=False)
    Path("report.html").write_text("<p>report</p>")
    Path("out").mkdir()
    Path("out/a.txt").write_text("a")
    model = LogisticRegression(max_iter=500).fit(X, y)
    return {"X": X, "y": y, "df": X.assign(y=y), "model": model, "fig": plt.figure()}


def main() -> None:
    namespace = initial_namespace()
    errors: list[str | None] = []
    for line in json.load(sys.stdin):
        try:
            exec(compile(line, line, "exec"), namespace)
            errors.append(None)
        except Exception:
            errors.append(traceback.format_exc(limit=-3))
    ids = {
        "RUN_ID": namespace.get("run_id"),
        "MODEL_ID": getattr(namespace.get("info"), "model_id", None),
        "EXPERIMENT_ID": getattr(namespace.get("experiment"), "experiment_id", None),
    }
    Path(sys.argv[1]).write_text(json.dumps({"errors": errors, "ids": ids}))


if __name__ == "__main__":
    main()
