"""The processes, ports and folder of a component, and which of them are left after its end."""

import socket

import psutil
from mlflow_lab.component import Component


class Footprint:
    """Everything a running component is on this machine: processes, listening ports, folder."""

    def __init__(self, component: Component) -> None:
        guard = guard_of(component)
        self.processes = [guard, *guard.children(recursive=True)]
        sockets = [address for process in self.processes for address in listening(process)]
        self.addresses = {ip for ip, _ in sockets}
        self.ports = sorted({port for _, port in sockets})
        self.folder = component.folder

    def leftovers(self) -> list[str]:
        """What of it still is there."""
        return [
            *(f"process {p.pid}" for p in self.processes if alive(p)),
            *(f"port {port}" for port in self.ports if listens(port)),
            *([f"folder {self.folder}"] if self.folder.exists() else []),
        ]


def guard_of(component: Component) -> psutil.Process:
    """The parent of a component that runs."""
    guard = psutil.Process(component.pid).parent()
    assert guard is not None
    return guard


def listening(process: psutil.Process) -> list[tuple[str, int]]:
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:  # PostgreSQL's come and go
        return []
    return [
        (c.laddr.ip, c.laddr.port)
        for c in connections
        if c.status == psutil.CONN_LISTEN and c.laddr
    ]


def alive(process: psutil.Process) -> bool:
    # A zombie is dead; init has not collected it yet.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
