"""Programs of env/server as modules."""

from types import ModuleType
from typing import Any

from tests.conftest import ROOT


def program(name: str) -> Any:
    """A new module from the file, which is not imported: that leaves bytecode in its folder."""
    file = ROOT / "env" / "server" / name
    module = ModuleType(file.stem)
    exec(compile(file.read_text(), file, "exec"), vars(module))
    return module
