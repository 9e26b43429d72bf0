"""Answers of env/server/authentication.py to passwords, and how many it hashed, as JSON.

    python guesses.py FOLDER

A process of its own: MLflow's server reads its settings at import.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Authorization

PASSWORD = "a password of kim"


def main(folder: str) -> None:
    os.environ |= {
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "guesses",
        "MLFLOW_AUTH_CONFIG_PATH": f"{folder}/basic_auth.ini",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    }
    Path(folder, "basic_auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        "admin_username = admin\nadmin_password = only-for-guesses\n"
        "authorization_function = authentication:authenticate_request\n"
    )
    sys.path.insert(0, str(Path(__file__).parents[2] / "env" / "server"))
    from flask import request
    from mlflow.server import app
    from mlflow.server.auth import create_app, store

    create_app(app)
    import authentication

    store.create_user("kim", PASSWORD)
    hashed: list[int] = []
    clock = [0.0]
    check = authentication.check_password_hash

    def counted(pwhash: str, password: str) -> bool:
        hashed.append(1)
        return check(pwhash, password)

    authentication.check_password_hash = counted
    authentication.time.monotonic = lambda: clock[0]

    def ask(name: str, password: str, address: str = "10.0.0.1", **parts: Any) -> int:
        headers = {"X-Forwarded-For": f"203.0.113.9, {address}"}
        parts = {"method": "GET", "path": "/version"} | parts
        return app.test_client().open(auth=(name, password), headers=headers, **parts).status_code

    def tried(*answers: int) -> list:
        number = len(hashed)
        hashed.clear()
        return [*answers, number]

    found = {"first": tried(ask("kim", PASSWORD)), "again": tried(ask("kim", PASSWORD))}
    found["wrong"] = tried(*(ask("kim", f"wrong {n}") for n in range(13)))
    found["known, from there"] = tried(ask("kim", PASSWORD))
    found["wrong, from elsewhere"] = tried(ask("kim", "wrong", "10.0.0.2"))
    clock[0] += authentication.LONGEST + 1
    found["later"] = tried(ask("kim", "wrong"), ask("kim", "wrong"))
    found["unknown name"] = tried(*(ask("nobody", f"wrong {n}") for n in range(13)))
    found["empty"] = tried(*(ask("readiness", "") for _ in range(8)))
    body = {"username": "kim", "password": "short"}
    change: dict[str, Any] = {
        "method": "PATCH",
        "path": "/api/2.0/mlflow/users/update-password",
        "json": body,
    }
    found["short"] = tried(ask("kim", PASSWORD, **change))
    store.create_user("lee", PASSWORD)
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: ask("lee", PASSWORD), range(8)))
    found["at once"] = [*answers, 0 < len(hashed) <= authentication.HASHES]

    def admit() -> int:
        answer = authentication.admitted(Authorization("proxy", {"username": "kim"}))
        return 200 if isinstance(answer, Authorization) else answer.status_code

    def admitted(path: str, **parts: Any) -> int:
        with app.test_request_context(path, **parts):
            return admit()

    found["by another login"] = [
        admitted("/version"),
        admitted("/api/2.0/mlflow/webhooks", method="POST"),
        admitted("/may-change-experiment"),
        admitted("/may-change-experiment", headers={"X-Mlflow-Experiment-Id": "0"}),
    ]
    asked: list[str] = []
    may = authentication.permissions.may

    def counted_may() -> bool:
        asked.append(request.path)
        return may()

    authentication.permissions.may = counted_may
    with app.test_request_context("/version"):
        answers = {admit() for _ in range(4)}
    found["asked in one request"] = [*answers, len(asked)]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
