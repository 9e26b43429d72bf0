"""Which Python program a command line of this environment runs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

GUARD = str(Path(__file__).with_name("guard.py"))
Starts = Literal["many", "one", "workers", None]
_SPAWNED = "from multiprocessing.spawn import spawn_main"


def _environment(python: str) -> str:
    """The folder of an interpreter. It may be reached by a link; the interpreter always is one."""
    return os.path.realpath(os.path.dirname(python))


@dataclass(frozen=True)
class PythonProgram:
    """What `python -c what`, `python -m what` or `python what` runs.

    Attributes:
        kind: which of the three: "code", "module", "file".
        what: the code, the module's name, the path as it was given.
        arguments: what follows it.
        words: the whole command line as Linux shows it, the interpreter first.
        name: of the process.
    """

    kind: Literal["code", "module", "file"]
    what: str
    arguments: list[str]
    words: list[str]
    name: str

    @classmethod
    def of(cls, words: Sequence[str], executables: Sequence[str]) -> Self | None:
        """None for any other program, and for options that change how Python itself starts.

        Args:
            words: the command line.
            executables: paths to try, in the order of PATH.
        """
        path = next((path for path in executables if os.access(path, os.X_OK)), "")
        if os.path.dirname(path) != os.path.dirname(sys.executable):
            return None
        name = os.path.basename(path)
        if os.path.realpath(path) != os.path.realpath(sys.executable):
            with open(path, "rb") as file:
                script, _, interpreter = os.fsdecode(file.readline(1000)).strip().partition("#!")
            if script or _environment(interpreter) != _environment(sys.executable):
                return None
            arguments = list(words[1:])
            return cls("file", path, arguments, [interpreter, path, *arguments], name)
        # Options that repeat what this interpreter was told by variables, PYTHONDONTWRITEBYTECODE
        # for instance.
        told = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # private
        rest = list(words[1:])
        while rest and rest[0] in told:
            rest.pop(0)
        match rest:
            case ["-c", what, *arguments]:
                return cls("code", what, arguments, list(words), name)
            case ["-m", what, *arguments]:
                return cls("module", what, arguments, list(words), name)
            case ["-I", "-S", what, component] if what == GUARD:
                # Where a guard's component is such a program, the guard is one as well.
                warm = cls.of([component], [component])
                return warm and cls("file", what, [component], list(words), name)
            case [what, *arguments] if not what.startswith("-"):
                return cls("file", what, arguments, list(words), name)
        return None

    @property
    def starts(self) -> Starts:
        """Which Python programs it will start itself, as far as is known."""
        base, first = os.path.basename(self.what), self.arguments[:1]
        if base in ("ipykernel_launcher", "pytest"):
            return "many"
        if self.what == GUARD or (base == "mlflow" and first in (["server"], ["ui"])):
            return "one"
        return "workers" if base == "uvicorn" else None

    @property
    def is_spawned(self) -> bool:
        """Whether `multiprocessing` runs it to spawn a process."""
        return self.kind == "code" and self.what.startswith(_SPAWNED)
