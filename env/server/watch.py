"""Ends a replica that no longer answers, so that what started it starts it again.

start.sh runs it beside the server where WATCHDOG is set: python watch.py PID, of the leader of the
replica's process group. Reads MLFLOW_HOST, MLFLOW_PORT and MLFLOW_SERVER_ALLOWED_HOSTS. Tells
systemd that the replica is ready, and again and again that it lives (Type=notify, WatchdogSec=).

It asks for what the event loop answers by itself. `/health` waits for a thread, and threads wait
for a database that is slow: a restart would not make it faster.
"""

import contextlib
import http.client
import os
import signal
import socket
import sys
import time

WITHIN = 5  # seconds for an answer
EVERY = 5  # seconds from an answer to the next question
FAILURES = 3  # one after the other, then it hangs
STARTED_WITHIN = 900  # seconds to the first answer; start.sh has changed the tables before


def answers() -> bool:
    host = os.environ.get("MLFLOW_HOST", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    port = int(os.environ.get("MLFLOW_PORT", "5000"))
    allowed = os.environ["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")[0].strip()
    connection = http.client.HTTPConnection(host, port, timeout=WITHIN)
    try:
        # Spans for no experiment: 422.
        connection.request("POST", "/v1/traces", headers={"Host": allowed})
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tell_systemd(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            # A socket that is gone must not end the watch.
            with contextlib.suppress(OSError):
                notify.sendto(state.encode(), address.replace("@", "\0", 1))


def group_of(replica: int) -> int | None:
    """Its process group, None when the replica has ended."""
    try:
        return os.getpgid(replica)
    except ProcessLookupError:
        return None


def kill(group: int, reason: str) -> None:
    print(f"{reason}: it is killed.", file=sys.stderr, flush=True)
    os.killpg(group, signal.SIGKILL)


def main(replica: int) -> None:
    os.setpgid(0, 0)  # what stops the replica does not stop this
    deadline = time.monotonic() + STARTED_WITHIN
    while not answers():
        if (group := group_of(replica)) is None:
            return
        if time.monotonic() > deadline:
            return kill(group, f"The replica did not answer within {STARTED_WITHIN} s")
        time.sleep(1)
    print("The replica answers: it is watched.", file=sys.stderr, flush=True)
    tell_systemd("READY=1")
    failures = 0
    while (group := group_of(replica)) is not None:
        if answers():
            failures = 0
            tell_systemd("WATCHDOG=1")
            time.sleep(EVERY)
            continue
        failures += 1
        if failures == FAILURES:
            return kill(group, "The replica does not answer")
        time.sleep(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
