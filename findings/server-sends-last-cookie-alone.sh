#!/usr/bin/env bash
# Of several Set-Cookie headers in one answer the tracking server sends only the last.
#
# Versions: mlflow 3.6.0, FastAPI 0.121.0, Starlette 0.49.3, SQLAlchemy 2.0.45, Python 3.11 to 3.13.
# Guess before the run: a plug-in's answer leaves the server as Flask made it; an authorization
# function can set a session cookie and delete the one of the login in the same answer.
# Behaviour: MLflow's middleware that adds security headers makes a dict of the headers, which may
# repeat, and a list of that dict. One header of a name is left: the login goes in circles, because
# the browser never gets the session cookie. With MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE=true all
# arrive, and the checks of Host and Origin are gone.
# Output seen (2026-11-30):
#   Flask sets: session login
#   the server sends: login
# Source: 3.6.0, mlflow/server/fastapi_security.py, `SecurityHeadersMiddleware`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv env
env/bin/pip install --quiet --no-compile --disable-pip-version-check mlflow==3.6.0 \
  fastapi==0.121.0 starlette==0.49.3 sqlalchemy==2.0.45 httpx==0.28.1

cat >cookies.py <<'PY'
from fastapi.testclient import TestClient
from flask import make_response
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import create_fastapi_app


@flask_app.get("/two-cookies")
def two_cookies():
    answer = make_response("ok")
    answer.set_cookie("session", "new")
    answer.delete_cookie("login")
    return answer


def names(answers: list[str]) -> str:
    return " ".join(answer.partition("=")[0] for answer in answers)


flask = flask_app.test_client().get("/two-cookies")
print("Flask sets:", names(flask.headers.getlist("Set-Cookie")))
client = TestClient(create_fastapi_app(), base_url="http://localhost")
print("the server sends:", names(client.get("/two-cookies").headers.get_list("set-cookie")))
PY

env/bin/python cookies.py 2>log >seen || { cat log; exit 1; }
cat seen
diff seen - <<'TXT'
Flask sets: session login
the server sends: login
TXT
