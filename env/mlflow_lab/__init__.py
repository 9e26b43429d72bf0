"""Starts the real components that the handbook's chapters and tests need.

Each component is a context manager, and can be started and stopped by hand in a notebook:

    with PostgreSQL() as database, TrackingServer("--backend-store-uri", database.uri) as server:
        print(server.uri)

    store = SeaweedFS().start()
    ...
    store.stop()

Every component listens on 127.0.0.1 only, prints the command it runs, and leaves no process, port
or temporary file behind, also when the Python process that started it is killed.
"""

from .azurite import Azurite
from .errors import ComponentMissing, LabError, PortInUse, StartFailed
from .gcs_emulator import GCSEmulator
from .mariadb import MariaDB
from .nginx import Nginx
from .postgresql import PostgreSQL
from .prometheus import Prometheus
from .seaweedfs import SeaweedFS
from .sweeper import Sweeper
from .team_server import TeamServer
from .tracking_server import TrackingServer

__all__ = [
    "Azurite",
    "ComponentMissing",
    "GCSEmulator",
    "LabError",
    "MariaDB",
    "Nginx",
    "PortInUse",
    "PostgreSQL",
    "Prometheus",
    "SeaweedFS",
    "StartFailed",
    "Sweeper",
    "TeamServer",
    "TrackingServer",
]
