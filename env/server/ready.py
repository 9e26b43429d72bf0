"""Whether the replica on this machine can work: exits with 0 when it and its database answer.

`/health` answers 200 also without a database. A user that nobody has is looked up in the database
first and then refused (401), so this needs no password. Reads MLFLOW_HOST and MLFLOW_PORT.
"""

import base64
import http.client
import os
import sys

WITHIN = 5  # seconds
NOBODY = base64.b64encode(b"readiness:").decode()


def main() -> int:
    host = os.environ.get("MLFLOW_HOST", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    port = int(os.environ.get("MLFLOW_PORT", "5000"))
    connection = http.client.HTTPConnection(host, port, timeout=WITHIN)
    try:
        connection.request("GET", "/version", headers={"Authorization": f"Basic {NOBODY}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    print(f"answer: {status}")
    return 0 if status == 401 else 1


if __name__ == "__main__":
    sys.exit(main())
