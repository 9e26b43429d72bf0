"""Finds MLflow's commands, options, variables, paths, tables and URIs in text that is executed."""

import re
from collections.abc import Iterator

from mlflow_names import Inventory

UNKNOWN = "\0"  # stands for what only running the code can tell, in a text put together by it

# `mlflow` where a shell expects a program: first, or behind what starts another one.
_COMMAND = re.compile(
    r"(?:^|[;|&(!\0]|-m|=\S*|\b(?:exec|time|nohup|sudo|env|do|then|else))[ \t\"]*"
    r"(?:[^\s;|&]*/)?(mlflow)\"?((?: +[a-z][a-z-]*)+)",
    re.M,
)
_OPTION = re.compile(r"""(?<![\w-])(--?[a-z][a-z-]*)(?=[\s="',\])]|$)""")
_VARIABLE = re.compile(r"\$\{?(\w+)|\b([A-Z_]\w*)(?==)|\bunset((?: +\w+)+)")
_SQL = re.compile(r"\b(select|insert|update|delete|alter|create|drop)\b", re.I)
_TABLE = re.compile(r"""\b(?:from|join|into|update|table)\s+["`]?(\w+)""", re.I)
_ANY_TABLE = re.compile(r"""\b(?:select|delete)\b.*\bfrom\s+["`]?[\0{]""", re.I | re.S)
_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")


class Patterns:
    """The names of an inventory, ready to be found. A use is (kind, name, start, end)."""

    def __init__(self, names: Inventory) -> None:
        self.commands = {entry.name for entry in names["cli"]}
        self.variables = {entry.name: ("env", entry.name) for entry in names["env"]}
        self.options: dict[str, tuple[str, str]] = {}
        for entry in names["option"]:
            for other in (entry.name, *entry.note.split()):
                spellings = self.options if other.startswith("-") else self.variables
                spellings.setdefault(other, ("option", entry.name))
        self.tables = {
            entry.name: (kind, entry.name)
            for kind in ("table", "auth_table")
            for entry in names[kind]
        }
        # An address with http:// is that of a server nearly always.
        schemes = [entry.name for entry in names["scheme"] if not entry.name.startswith("http")]
        self._scheme = re.compile(rf"(?<![\w+.-])({'|'.join(map(re.escape, schemes))})")
        self._paths = [(_path_pattern(entry.name), entry.name) for entry in names["rest"]]

    def in_shell(self, script: str) -> Iterator[tuple[str, str, int, int]]:
        """Uses in a shell script. Comments are no uses."""
        script = _COMMENT.sub(lambda comment: " " * len(comment[0]), script)
        script = script.replace("\\\n", "  ")
        yield from self.in_commands(script)
        for found in _VARIABLE.finditer(script):
            for word in re.finditer(r"\w+", found[0]):
                if word[0] in self.variables:
                    start = found.start() + word.start()
                    yield *self.variables[word[0]], start, start + len(word[0])
        yield from self.in_paths(script)
        yield from self.in_sql(script)
        yield from self.in_uris(script)

    def in_commands(self, line: str) -> Iterator[tuple[str, str, int, int]]:
        """Commands of the MLflow CLI, with the options of `mlflow server`."""
        for found in _COMMAND.finditer(line):
            words = (found[1] + found[2]).split()
            for count in (3, 2):
                typed = " ".join(words[:count])
                command = "mlflow server" if typed == "mlflow ui" else typed
                if command in self.commands:
                    break
            else:
                continue
            yield "cli", command, found.start(1), found.start(1) + len(typed)
            if command == "mlflow server":
                rest = re.split(r"[|;&\n]", line[found.end() :], maxsplit=1)[0]
                for option in _OPTION.finditer(rest):
                    if option[1] in self.options:
                        at = found.end() + option.start(1)
                        yield *self.options[option[1]], at, at + len(option[1])

    def in_paths(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """REST paths, also below /ajax-api, which answers the same."""
        for pattern, name in self._paths if "api/" in text else ():
            for found in pattern.finditer(text):
                yield "rest", name, found.start(), found.end()

    def in_sql(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """Tables in SQL statements."""
        if _SQL.search(text):
            for found in _TABLE.finditer(text):
                if found[1] in self.tables:
                    yield *self.tables[found[1]], found.start(1), found.end(1)

    def in_uris(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """Schemes of artifact URIs."""
        for found in self._scheme.finditer(text):
            yield "scheme", found[1], found.start(1), found.end(1)

    def queries_any_table(self, text: str) -> bool:
        """Whether the text is SQL on a table whose name comes from elsewhere."""
        return bool(_ANY_TABLE.search(text))


def _path_pattern(path: str) -> re.Pattern:
    """Matches a path of the API with values in place of its parameters, to its very end."""
    parts = re.split(r"<(?:(path):)?\w+>", path)
    pattern = re.escape(parts[0]).replace("/api/", "/(?:ajax-)?api/", 1)
    for kind, literal in zip(parts[1::2], parts[2::2], strict=True):
        pattern += (r"[^\s?\"']+" if kind else r"[^\s/?\"']+") + re.escape(literal)
    return re.compile(pattern + r"(?![\w/.{\0-])")
