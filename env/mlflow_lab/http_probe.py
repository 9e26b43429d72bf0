"""One HTTP request to a component, past the caller's proxies and without retries."""

import http.client
import socket
import ssl

# Seconds. The probe is repeated, and the component's end must be noticed in between.
ANSWER_WITHIN = 2.0


def status(
    port: int,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    *,
    tls: bool = False,
) -> int:
    """Status code, or 0 when nothing answers. Does not look at the certificate."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN)
    if tls:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=ANSWER_WITHIN, context=context
        )
    try:
        connection.request(method, path, headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether something accepts connections."""
    with socket.socket() as client:
        client.settimeout(ANSWER_WITHIN)
        return client.connect_ex(("127.0.0.1", port)) == 0
