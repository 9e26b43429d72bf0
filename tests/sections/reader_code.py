"""What visible code has that a reader would not write in a notebook of their own."""

import ast
from collections.abc import Callable

from IPython.core.inputtransformer2 import TransformerManager


def _is_private(name: str | None) -> bool:
    return bool(name) and name.startswith("_") and not name.startswith("__") and name != "_"


def _mocks(tree: ast.Module) -> bool:
    """Test doubles: a variable is set as a reader sets it."""
    return any(
        (isinstance(node, ast.ImportFrom | ast.Import) and "mock" in ast.unparse(node))
        or (isinstance(node, ast.Name) and node.id in ("patch", "mock"))
        for node in ast.walk(tree)
    )


def _private(tree: ast.Module) -> bool:
    """Names of others that begin with an underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                return True
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if any(map(_is_private, names)):
                return True
    return False


def _bare_tuple(tree: ast.Module) -> bool:
    """A result without labels."""
    last = tree.body[-1] if tree.body else None
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Tuple)


def _whole_process(tree: ast.Module) -> bool:
    """eval, exec, os.chdir."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return bool({"eval", "exec", "os.chdir"} & set(calls))


FAULTS: dict[str, Callable[[ast.Module], bool]] = {
    "mock": _mocks,
    "private name": _private,
    "bare tuple": _bare_tuple,
    "eval or chdir": _whole_process,
}


def faults_of(code: str) -> list[str]:
    """Names of the faults of a cell; none for a cell in another language."""
    if code.startswith(("%%capture", "%%time")):
        code = code.partition("\n")[2]
    if code.startswith("%%"):
        return []
    tree = ast.parse(TransformerManager().transform_cell(code))
    shown = not code.rstrip().endswith(";")
    return [name for name, has in FAULTS.items() if has(tree) and (shown or has != _bare_tuple)]
