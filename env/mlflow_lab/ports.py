"""Ports on 127.0.0.1."""

import errno
import random
import socket

from .errors import LabError, PortInUse

# Not "bind to port 0": those ports come from the range that outgoing connections use as well
# (32768 and up on Linux, 49152 and up on macOS), and seconds pass before a server binds its own.
# 30000 and up are Kubernetes node ports.
FIRST, LAST = 20000, 29999

_random = random.SystemRandom()  # forked workers must not draw the same numbers


def free(count: int = 1, *, last: int = LAST, also: int = 0) -> list[int]:
    """Different ports on which nothing listens.

    Args:
        count: how many.
        last: the highest port to take.
        also: if not 0, port + also has to be free as well, for programs that add a fixed number.
    """
    found: list[int] = []
    for port in _random.sample(range(FIRST, last + 1), last + 1 - FIRST):
        if is_free(port) and (not also or is_free(port + also)):
            found.append(port)
            if len(found) == count:
                return found
    raise LabError(f"No {count} free ports between {FIRST} and {last} on 127.0.0.1.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    for address in ("127.0.0.1", ""):
        with socket.socket() as candidate:
            # A port whose last connections are in TIME_WAIT is free for a server.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
                # Anything else (a port below 1024, say) is for the component to report.
    return True


def require_free(port: int) -> None:
    """Raises PortInUse, naming the port and, if that can be found out, who has it."""
    if not is_free(port):
        raise PortInUse(f"Port {port} on 127.0.0.1 is taken{_owner(port)}.")


def _owner(port: int) -> str:
    try:
        import psutil
    except ImportError:
        return ""
    try:
        for connection in psutil.net_connections("tcp"):
            own = connection.laddr
            listens = connection.status == psutil.CONN_LISTEN and own and own.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass  # macOS shows them to root only
    return ""
