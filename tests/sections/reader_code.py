"""What visible code has that a reader would not write in a notebook of their own, and what the
authors' hidden checks do beyond checking.
"""

import ast
from collections.abc import Callable

from cell_languages import python_that_runs


def _is_private(name: str | None) -> bool:
    if name is None or name == "_":
        return False
    return name.startswith("_") and not name.startswith("__")


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


def _sets_up(tree: ast.Module) -> bool:
    """Variables of the environment, the folder, where MLflow logs: what later cells run with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete) and any(
            isinstance(target, ast.Subscript) and ast.unparse(target.value) == "os.environ"
            for target in node.targets
        ):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _SETTERS:
            return True
    return False


_SETTERS = {
    *("os.chdir", "os.environ.pop", "os.environ.update", "os.environ.setdefault"),
    *("mlflow.set_tracking_uri", "mlflow.set_registry_uri", "mlflow.set_experiment"),
}


def faults_of(code: str) -> list[str]:
    """Names of the faults of a visible cell; none for a cell in another language."""
    tree = ast.parse(python_that_runs(code))
    shown = not code.rstrip().endswith(";")
    return [name for name, has in FAULTS.items() if has(tree) and (shown or has != _bare_tuple)]


def faults_of_a_check(code: str, is_set_up: bool) -> list[str]:
    """Names of the faults of a hidden cell; `is_set_up`: it is above the first heading."""
    return ["hidden set-up"] * (is_set_up or _sets_up(ast.parse(python_that_runs(code))))
