"""The two sides of a comparison: a commit and the work tree, each in a clone of its own."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "tests/package-lock.json")  # older commits have the second, too


@dataclass(frozen=True)
class Side:
    """A clone of the repository at one commit."""

    name: str
    commit: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a command uses this side's mlflow_lab, also in a shared .venv."""
        kept = {
            k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "MAKEFLAGS")
        }
        return kept | {"PYTHONPATH": str(self.folder / "env")}

    def python(self, code: str, *arguments: str) -> str:
        """What a script prints that runs at the top of this side."""
        command = [str(self.folder / ".venv" / "bin" / "python"), "-c", code, *arguments]
        return _output(command, self.folder, self.environment)

    def prepare(self) -> None:
        """Clone, and give it its environment: ours where the locks are the same, or a new one.

        Raises CalledProcessError if that fails, RuntimeError if mlflow_lab would be another one.
        """
        clone(self.commit, self.folder)
        if locked(self.folder) == locked(ROOT):
            (self.folder / ".venv").symlink_to(ROOT / ".venv")
        else:
            command = ["make", "setup", f"PYTHON={sys.executable}"]
            subprocess.run(command, cwd=self.folder, env=self.environment, check=True)
        found = Path(self.python("import mlflow_lab; print(mlflow_lab.__file__)").strip())
        if not found.resolve().is_relative_to(self.folder.resolve()):
            raise RuntimeError(f"{self.name} would use {found}")


def locked(folder: Path) -> list[bytes | None]:
    """What is to be installed; None for a lock that is not there."""
    paths = [folder / name for name in LOCKS]
    return [path.read_bytes() if path.exists() else None for path in paths]


def clone(commit: str, folder: Path) -> None:
    """Check a commit out into a new folder. Raises CalledProcessError for one that is not there."""
    _git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder))
    _git("-C", str(folder), "checkout", "--quiet", "--detach", commit)


def commit_named(name: str) -> str:
    """Its id. Raises CalledProcessError if there is none."""
    return _git("rev-parse", "--verify", f"{name}^{{commit}}")


def commit_of_the_work_tree() -> str:
    """A commit, on no branch, of every file as it is now, but for those that git ignores."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git("add", "--all", **index)
        # As a link it is not ignored.
        _git("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", ".venv", **index)
        tree = _git("write-tree", **index)
    author = {
        f"GIT_{who}_{what}": "bench"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return _git("commit-tree", tree, "-p", "HEAD", "-m", "work tree", **author)


def _git(*arguments: str, **variables: str) -> str:
    return _output(["git", *arguments], ROOT, os.environ | variables).strip()


def _output(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
