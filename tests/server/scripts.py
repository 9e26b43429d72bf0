"""The backup scripts of env/server as install-systemd.sh lays them: beside no compose.yaml."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from mlflow_lab import PostgreSQL, SeaweedFS

from tests.conftest import ROOT

NAMES = ("stack.sh", "backup.sh", "restore.sh", "verify.sh", "artifacts.py")
FOREIGN = ("AWS_", "MLFLOW_", "PG", "BACKUP_")  # variables of ours that a script must not see


def installed(folder: Path) -> Path:
    """The scripts, copied into a new folder."""
    folder.mkdir()
    for name in NAMES:
        shutil.copy(ROOT / "env" / "server" / name, folder)
    return folder


@dataclass(frozen=True)
class Machine:
    """Where a server keeps its data, and the scripts that save and bring back those.

    Attributes:
        uri: of its database.
        bucket: in the store.
        backups: the folder BACKUP_FOLDER.
    """

    scripts: Path
    database: PostgreSQL
    store: SeaweedFS
    backups: Path
    uri: str
    bucket: str = "mlflow"

    @property
    def environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        programs = [
            Path(psutil.Process(self.database.pid).exe()).parent,
            Path(sys.executable).parent,
        ]
        return {
            **ours,
            **self.store.environment,
            "PATH": os.pathsep.join([*map(str, programs), ours["PATH"]]),
            "MLFLOW_BACKEND_STORE_URI": self.uri,
            "ADMIN_URI": self.database.superuser_uri,
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{self.bucket}",
            "BACKUP_FOLDER": str(self.backups),
        }

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """What the script printed and its exit code."""
        return subprocess.run(
            ["bash", str(self.scripts / script), *arguments],
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def done(self, script: str, *arguments: str, **variables: str) -> str:
        """What it printed. Raises AssertionError when it did not end with 0 or complained."""
        result = self.run(script, *arguments, **variables)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
        return result.stdout.strip()

    def refused(self, script: str, *arguments: str, **variables: str) -> str:
        """Its one line of complaint. Raises AssertionError when it has none, or says more."""
        result = self.run(script, *arguments, **variables)
        assert result.returncode != 0 and result.stdout == "", result.stdout
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr.strip()

    def whole(self) -> list[str]:
        """Names of what looks like a backup, oldest first."""
        return sorted(path.name for path in self.backups.glob("2*Z"))
