"""Every route of the installed MLflow's server with basic-auth and metrics, as JSON lines.

    python routes.py FOLDER

A process of its own: which routes there are depends on variables read at import.
"""

import json
import os
import re
import sys


def main(folder: str) -> None:
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
        for method in rule.methods
    }
    for route in sorted(routes):
        print(json.dumps(route))


if __name__ == "__main__":
    main(sys.argv[1])
