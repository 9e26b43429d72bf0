"""Every route of the installed MLflow's server with basic-auth and metrics, as JSON lines.

    python routes.py FOLDER [without a rule]

With the second argument only those of Flask that neither env/server/permissions.py nor MLflow has a
rule for.

A process of its own: which routes there are depends on variables read at import.
"""

import json
import os
import re
import sys
from pathlib import Path

from flask import Flask


def main(folder: str, wanted: str = "") -> None:
    os.environ |= {
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "routes",
        "MLFLOW_AUTH_CONFIG_PATH": f"{folder}/basic_auth.ini",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "prometheus_multiproc_dir": folder,
    }
    with open(f"{folder}/basic_auth.ini", "w") as file:
        file.write(
            f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
            "admin_username = admin\nadmin_password = only-for-routes\n"
        )
    from mlflow.server import app as flask_app
    from mlflow.server.auth import create_app

    fastapi_app = create_app(flask_app)
    routes = {
        (method.upper(), re.sub(r"{[^}]+}", "1", path))
        for path, operations in fastapi_app.openapi()["paths"].items()
        for method in operations
    } | {
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in flask_app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for route in sorted(without_a_rule(flask_app) if wanted else routes):
        print(json.dumps(route))


def without_a_rule(flask_app: Flask) -> set[tuple[str, str]]:
    """Method and path; those that basic-auth asks no password for need no rule."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "env" / "server"))
    import permissions
    from mlflow.server import auth

    return {
        (method, rule.rule)
        for rule in flask_app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint not in permissions._CHECKS
        and (rule.rule, method) not in auth.BEFORE_REQUEST_VALIDATORS
        and not auth.is_unprotected_route(rule.rule)
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
