#!/usr/bin/env bash
# A call whose answer breaks off after its head is lost at once; every other lost call is repeated.
#
# Versions: mlflow-skinny 3.6.0, requests 2.34.2, urllib3 2.8.0, Python 3.11 to 3.13.
# Guess before the run: a connection that ends is a connection that ends; the client repeats the call
# up to MLFLOW_HTTP_REQUEST_MAX_RETRIES times (7), wherever in the answer it happens.
# Behaviour: a connection closed before the head of the answer, and a 502, are repeated, for a POST
# too. Closed between the head and the body, even of the two characters {}, the call raises
# MlflowException with "Connection broken: IncompleteRead": urllib3's Retry covers a call until its
# head is there, and the body is read after it. A server that is killed, or a proxy that loses its
# upstream, ends answers in both places, so now and then a training ends although retries are on.
# Output seen (2026-12-01):
#   502: 2 calls arrived, returned
#   closed before the head: 2 calls arrived, returned
#   closed after the head: 1 call arrived, MlflowException (IncompleteRead)
# Source: 3.6.0, mlflow/utils/request_utils.py, `_get_http_response_with_retries`; urllib3's
# reference of `urllib3.util.Retry`; found while replicas were killed under load.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
export PATH="$folder/env/bin:$PATH"
pip install --quiet --no-compile --disable-pip-version-check mlflow-skinny==3.6.0 \
  requests==2.34.2 urllib3==2.8.0

MLFLOW_DISABLE_TELEMETRY=true python - <<'EOF' | tee output
import http.server
import threading

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

WHOLE = 200, b"{}"
OTHERWISE = {
    "502": (502, b"{}"),
    "closed before the head": None,
    "closed after the head": (200, b""),
}
first = []  # what the next call is answered with instead
arrived = 0


class Server(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global arrived
        arrived += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        if answer := first.pop() if first else WHOLE:
            status, body = answer
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = MlflowClient(f"http://127.0.0.1:{server.server_port}")
for what, answer in OTHERWISE.items():
    arrived = 0
    first.append(answer)
    try:
        client.log_metric("0" * 32, "loss", 1.0)
        result = "returned"
    except MlflowException as error:
        result = f"MlflowException ({'IncompleteRead' if 'IncompleteRead' in str(error) else error})"
    print(f"{what}: {arrived} {'call' if arrived == 1 else 'calls'} arrived, {result}")
server.shutdown()
EOF

diff output - <<'EOF'
502: 2 calls arrived, returned
closed before the head: 2 calls arrived, returned
closed after the head: 1 call arrived, MlflowException (IncompleteRead)
EOF
