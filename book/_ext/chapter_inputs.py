"""What the outputs of a chapter depend on, as a digest: the key of the execution cache.

All chapters share Python's version, requirements.txt, env/mlflow_lab and env/kernel. Of env/server
a chapter depends on what its code names:

- `env/server/nginx.conf`: this file; `env/server/kubernetes`: this folder; `env/server`, or what
  is no file and no folder (a pattern, a name in parts): all of it;
- `TeamServer`: the files that env/mlflow_lab/team_server.py names;
- a program of env/server: also the files that the program names.

It depends on the programs and results of tools that its code names, too (`tools.fill_store`,
`tools/store_costs.json`), and on what those programs import from there. A chapter whose code opens
its own notebook depends on its text.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

SERVER = "env/server"
_SHARED = ("requirements.txt", "env/mlflow_lab", "env/kernel")
_TEAM_SERVER = "env/mlflow_lab/team_server.py"
_PROGRAMS = {".py", ".sh"}
_DERIVED = {"__pycache__", ".pytest_cache", ".ruff_cache"}
# The files of a deployment that was made in place; .gitignore names them.
_DEPLOYED = {".env", "tls", "ca", "secret.env", "database-ca.crt"}
# Also in parts: Path("env") / "server" / "nginx.conf".
_PATH = re.compile(r"""\benv["')\s]*[/,]["'(\s]*server\b(?:["')\s]*[/,]["'(\s]*([\w.@/-]*\w))?""")
_TOOL = re.compile(r"\btools[/.](\w+(?:\.json)?)")
_COMMENT_LINE = re.compile(r"(?m)^\s*#.*$")


def digest_of_shared_inputs(root: Path) -> str:
    """Digest of what every chapter depends on."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    files = (file for name in _SHARED for file in _files(root / name))
    return _digest(root, version, files)


def digest_of_chapter(notebook: Path, root: Path, shared: str) -> str:
    """Digest of all that a chapter depends on; `shared` is that of the shared inputs."""
    source = json.loads(notebook.read_text())
    cells = [("".join(c["source"]), c["cell_type"], c["metadata"]) for c in source["cells"]]
    executed = [cell for cell in cells if cell[1] == "code"]
    code = "\n".join(text for text, *_ in executed)
    own = re.search(rf"""(?:Path|open)\(["'][./]*{re.escape(notebook.name)}["']""", code)
    text = json.dumps([shared, source["metadata"].get("kernelspec"), cells if own else executed])
    files = files_of_the_server(code, root) | files_of_the_tools(code, root)
    return _digest(root, text, sorted(files))


def files_of_the_server(code: str, root: Path) -> set[Path]:
    """The files of env/server that the code of a chapter names."""
    server, named = root / SERVER, set()
    for found in _PATH.finditer(code):
        path = server / (found[1] or "")
        named |= set(_files(path if path.exists() else server))
    if re.search("TeamServer|team_server", code):
        named |= _named_by((root / _TEAM_SERVER).read_text(), server)
    return named | _of_programs(named, server)


def files_of_the_tools(code: str, root: Path) -> set[Path]:
    """The files of tools that the code of a chapter names, and what those import from there."""
    named: set[Path] = set()
    ahead = [code]
    while ahead:
        for name in _TOOL.findall(ahead.pop()):
            file = root / "tools" / (name if name.endswith(".json") else f"{name}.py")
            if file.is_file() and file not in named:
                named.add(file)
                ahead.append(file.read_text() if file.suffix == ".py" else "")
    return named


def _of_programs(named: set[Path], server: Path) -> set[Path]:
    """What the programs among these files name, and the programs among those."""
    found, ahead = set(named), list(named)
    while ahead:
        file = ahead.pop()
        if file.suffix in _PROGRAMS:
            more = _named_by(_COMMENT_LINE.sub("", file.read_text()), server) - found
            found |= more
            ahead += more
    return found


def _named_by(program: str, server: Path) -> set[Path]:
    """The files of env/server whose names a program has: it knows the folder, not the path."""
    return {
        file
        for file in _files(server)
        if re.search(rf"(?<![\w.-]){re.escape(file.name)}(?![\w-])", program)
    }


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or all source files below the folder."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        parts = file.relative_to(path.parent).parts
        if file.is_file() and not (_DERIVED | _DEPLOYED).intersection(parts):
            yield file


def _digest(root: Path, text: str, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(text.encode())
    for file in files:
        digest.update(f"\0{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()
