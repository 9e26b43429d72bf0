"""Which names of MLflow a chapter uses, found in its executed code cells, never in its prose.

Python is read as a syntax tree, so that a comment or a sentence in a string is no use. Texts that
the code puts together (f-strings, joined strings) are followed as far as they are known.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cell_languages import PYTHON_MAGICS
from chapter_parser import Chapter, Section
from IPython.core.inputtransformer2 import TransformerManager
from mlflow_names import Inventory
from name_patterns import UNKNOWN, Patterns

_SHELLS = ("%%bash", "%%sh", "%%script")
_MAGIC = re.compile(r"^\s*[%!]|=\s*[%!]|\?\s*$", re.M)
_SHELL_LINE = re.compile(r"^(?:.*=\s*)?\s*!(?P<command>(?:.*\\\n)*.*)$", re.M)
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}")
_SCRIPT = re.compile(r"(?m)^\s*(?:import mlflow|from mlflow\b)|; *import mlflow")
_COMMAND_LINE = re.compile(r"\s*(?:[\w./-]+/)?mlflow [a-z]")
_WORD = re.compile(r"(?<![\w./-])\w+(?![\w./-])")
_SERVER_LINE = re.compile(r"(?:server|ui) --[a-z]")  # a helper puts the program in front


Place = tuple[int, int] | tuple[None, None]  # of a name in the source of its cell


@dataclass(frozen=True, order=True)
class Use:
    """A name that a cell uses. `start` and `end` are its place in the cell's source.

    They are None where the name stands in no single place of it, or not as it is listed.
    """

    kind: str
    name: str
    start: int | None = None
    end: int | None = None


class ChapterReader:
    """Reads the code cells of one chapter in order; what a cell defines holds in later ones."""

    def __init__(self, names: Inventory, patterns: Patterns | None = None) -> None:
        self.patterns = patterns or Patterns(names)
        self.members = {kind: {entry.name for entry in names[kind]} for kind in _PYTHON_KINDS}
        self.scope = _Scope()

    def uses(self, cell: str) -> list[Use]:
        """The uses in a cell, in the order of the code. The language is that of its magic."""
        first, _, rest = cell.partition("\n")
        if first.startswith(PYTHON_MAGICS):
            cell = " " * len(first) + "\n" + rest
        elif first.startswith("%%"):
            offset = len(first) + 1
            if first.startswith("%%writefile") and first.rstrip().endswith(".py"):
                return self._python(rest, _Scope(), offset)
            if first.startswith((*_SHELLS, "%%writefile")):
                return self._shell(rest, offset)
            return []
        return sorted(
            [*self._python(_as_python(cell), self.scope, 0, cell), *self._shell_lines(cell)],
            key=lambda use: (use.start is None, use.start or 0),
        )

    def _python(
        self, code: str, scope: "_Scope", offset: int, cell: str | None = None
    ) -> list[Use]:
        reader = _PythonReader(self, code, scope, offset, cell)
        reader.visit(ast.parse(code))
        return reader.found

    def _shell(self, script: str, offset: int) -> list[Use]:
        found = self.patterns.in_shell(script)
        return [Use(kind, name, offset + start, offset + end) for kind, name, start, end in found]

    def _shell_lines(self, cell: str) -> Iterator[Use]:
        """Uses in lines that begin with `!`, before and after Python's values are put in."""
        for line in _SHELL_LINE.finditer(cell):
            written = self._shell(line["command"], line.start("command"))
            yield from written
            known = {(use.kind, use.name) for use in written}
            filled = _PLACEHOLDER.sub(
                lambda place: self.scope.texts.get(place[1], UNKNOWN), line["command"]
            )
            for use in self._shell(filled, 0):
                if (use.kind, use.name) not in known:
                    yield Use(use.kind, use.name)


_PYTHON_KINDS = ("fluent", "client")


class _Scope:
    """What variables of the chapter hold, as far as it matters here."""

    def __init__(self) -> None:
        self.owners = {"mlflow": "fluent", "MlflowClient": "client class"}
        self.names: dict[str, str] = {}  # variable -> name of the fluent API it was imported as
        self.texts: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}

    def copy(self) -> "_Scope":
        copied = _Scope()
        for name, held in vars(self).items():
            setattr(copied, name, dict(held))
        return copied


class _PythonReader(ast.NodeVisitor):
    """Collects the uses of one cell or script."""

    def __init__(
        self, chapter: ChapterReader, code: str, scope: _Scope, offset: int, cell: str | None
    ) -> None:
        self.patterns, self.members, self.chapter = chapter.patterns, chapter.members, chapter
        self.scope = scope
        self.found: list[Use] = []
        self._place = _Places(code, offset, cell)
        self._read: set[int] = set()  # nodes whose text was read as a part of a longer one

    def _use(self, kind: str, name: str, start: int | None = None, end: int | None = None) -> None:
        self.found.append(Use(kind, name, start, end))

    # Names of Python

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name == "mlflow":
                self.scope.owners[alias.asname or "mlflow"] = "fluent"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            variable = alias.asname or alias.name
            if alias.name == "MlflowClient":
                self.scope.owners[variable] = "client class"
            if node.module == "mlflow" and alias.name in self.members["fluent"]:
                self.scope.names[variable] = alias.name

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        owner = (self._owner(node.value) or "").split()
        place = self._place.of_attribute(node)
        if owner and node.attr in self.members[owner[0]]:
            self._use(owner[0], node.attr, *place)
        elif node.attr in self.patterns.variables:
            self._use(*self.patterns.variables[node.attr], *place)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id in self.scope.names:
                self._use("fluent", self.scope.names[node.id], *self._place.of_node(node))
            elif node.id in self.patterns.variables:
                self._use(*self.patterns.variables[node.id], *self._place.of_node(node))

    def _owner(self, node: ast.AST) -> str | None:
        """What an expression is: "fluent" (the package), "client class", "client", or None."""
        match node:
            case ast.Call():
                return "client" if self._owner(node.func) == "client class" else None
            case ast.Attribute(attr="MlflowClient"):
                return "client class"
            case ast.Name() | ast.Attribute():
                return self.scope.owners.get(_key(node))
        return None

    # Assignments

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outside = self.scope
        self.scope = outside.copy()  # what a function assigns is gone behind it
        self.generic_visit(node)
        self.scope = outside

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._assign(target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._assign(node.target, node.value)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars:
                self._assign(item.optional_vars, item.context_expr)
        for statement in node.body:
            self.visit(statement)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        if isinstance(node.iter, ast.Tuple | ast.List) and node.iter.elts:
            self._assign(node.target, node.iter.elts[0])
        for statement in [*node.body, *node.orelse]:
            self.visit(statement)

    def _assign(self, target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
            for part, its_value in zip(target.elts, value.elts, strict=False):
                self._assign(part, its_value)
            return
        if not isinstance(target, ast.Name | ast.Attribute):
            self.visit(target)
            return
        name, scope = _key(target), self.scope
        values: tuple[tuple[dict[str, Any], object], ...] = (
            (scope.owners, self._owner(value)),
            (scope.texts, self._text(value)),
            (scope.lists, self._words(value)),
        )
        for kept, new in values:
            if new:
                kept[name] = new
            elif name != "mlflow":
                kept.pop(name, None)

    # Texts

    def visit_Expr(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.visit(node.value)  # a text alone is a docstring

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in self.patterns.variables:
            start = self._place.of_node(node)[0]
            end = start + len(node.arg) if start is not None else None
            self._use(*self.patterns.variables[node.arg], start, end)
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and id(node) not in self._read:
            self._read_text(node.value, node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        if id(node) not in self._read:
            self._read_text(self._text(node) or "", node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        text = self._text(node)
        if text is not None and id(node) not in self._read:
            self._read_text(text, node)
        if text is not None:
            self._read |= {id(node.left), id(node.right)}
        self.generic_visit(node)

    def _read_text(self, text: str, node: ast.expr) -> None:
        if text in self.patterns.variables:
            start, end = self._place.of_node(node)
            place: Place = (None, None)
            if start is not None and end is not None and end - start == len(text) + 2:
                place = (start + 1, end - 1)  # within the quotes
            self._use(*self.patterns.variables[text], *place)
        elif _SCRIPT.search(text):
            self._read_script(text)
        else:
            patterns = self.patterns
            found = (patterns.in_paths(text), patterns.in_sql(text), patterns.in_uris(text))
            for kind, name, *_ in chain(*found):
                self._use(kind, name)

    def _read_script(self, text: str) -> None:
        try:
            uses = self.chapter._python(text, _Scope(), 0)
        except SyntaxError:
            return
        for use in uses:
            self._use(use.kind, use.name)

    def _text(self, node: ast.AST) -> str | None:
        """The text that an expression makes, UNKNOWN for parts of it; None if it is no text."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr():
                return "".join(self._text(part) or UNKNOWN for part in node.values)
            case ast.FormattedValue():
                return self._text(node.value)
            case ast.BinOp(op=ast.Add()):
                left, right = self._text(node.left), self._text(node.right)
                if left is None and right is None:
                    return None
                return (left or UNKNOWN) + (right or UNKNOWN)
            case ast.Name() | ast.Attribute():
                return self.scope.texts.get(_key(node))
        return None

    # Commands as lists of words

    def visit_List(self, node: ast.List | ast.Tuple) -> None:
        self._read_words(self._words(node) or [])
        self.generic_visit(node)

    visit_Tuple = visit_List

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))):
                return  # a line of the shell, which is read as it was written
        words = self._words(ast.List(elts=node.args)) or []
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = called or getattr(node.func, "id", "")
        if called == "TrackingServer":
            words = ["mlflow", "server", *words]
        if called != "print":
            self._read_words(words)
            for word in words:
                if _COMMAND_LINE.match(word):
                    self._read_words(word.split())
                elif _SERVER_LINE.match(word):
                    self._read_words(["mlflow", *word.split()])
        self.generic_visit(node)

    def _read_words(self, words: list[str]) -> None:
        # Words are joined as a shell would read them; what holds spaces is one word.
        line = " ".join(re.sub(r"\s+", "_", word) for word in words)
        line = re.sub(r"(?:^| )-m mlflow(?:\.cli)? ", " mlflow ", line)
        for kind, name, *_ in self.patterns.in_commands(line):
            self._use(kind, name)

    def _words(self, node: ast.AST) -> list[str] | None:
        match node:
            case ast.List() | ast.Tuple():
                words = []
                for part in node.elts:
                    inner = part.value if isinstance(part, ast.Starred) else part
                    if isinstance(part, ast.Starred):
                        words += self._words(inner) or [UNKNOWN]
                    else:
                        words.append(self._text(inner) or UNKNOWN)
                return words
            case ast.BinOp(op=ast.Add()):
                left, right = self._words(node.left), self._words(node.right)
                return [*left, *right] if left and right else None
            case ast.Name() | ast.Attribute():
                return self.scope.lists.get(_key(node))
        return None


class _Places:
    """Places of syntax nodes in the source of their cell.

    IPython rewrites magics before the code is parsed; a line that it changed has no places.
    """

    def __init__(self, code: str, offset: int, cell: str | None) -> None:
        lines = code.splitlines(keepends=True)
        shown = lines if cell is None else cell.splitlines(keepends=True)
        self._lines, self._starts, self._same = lines, [], []
        for number, line in enumerate(lines):
            self._starts.append(offset)
            same = len(lines) == len(shown) and line.rstrip("\n") == shown[number].rstrip("\n")
            self._same.append(same)
            offset += len(shown[number]) if number < len(shown) else 0

    def of_node(self, node: ast.expr | ast.keyword) -> Place:
        """Start and end of a node that stands on one line."""
        return self._on_line(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def of_attribute(self, node: ast.Attribute) -> Place:
        """Start and end of the name behind the dot."""
        line, end = node.end_lineno, node.end_col_offset
        assert line is not None and end is not None  # as in all that was parsed
        return self._on_line(line, end - len(node.attr), line, end)

    def _on_line(self, line: int, start: int, end_line: int | None, end: int | None) -> Place:
        if line != end_line or not self._same[line - 1]:
            return None, None
        text = self._lines[line - 1].encode()  # the columns of a syntax tree count bytes
        first = self._starts[line - 1]
        return first + len(text[:start].decode()), first + len(text[:end].decode())


def _key(variable: ast.Name | ast.Attribute) -> str:
    return variable.id if isinstance(variable, ast.Name) else ast.unparse(variable)


def _as_python(cell: str) -> str:
    return TransformerManager().transform_cell(cell) if _MAGIC.search(cell) else cell


def tables_shown(patterns: Patterns, chapter: Chapter) -> list[set[str]]:
    """For each section the tables in its outputs, where its code reads any table by its name.

    `count(*) FROM {table}` over every table names none in the code; its output does.
    """
    readers = {
        name
        for section in chapter.sections
        for cell in section.visible_cells
        if patterns.queries_any_table(cell.source)
        for name in re.findall(r"(?m)^def (\w+)\(", cell.source)
    }
    calls = re.compile(rf"\b(?:{'|'.join(readers)})\(") if readers else None
    shown = []
    for section in chapter.sections:
        code = "\n".join(cell.source for cell in section.visible_cells)
        reads = patterns.queries_any_table(code) or (calls and calls.search(code))
        words = set(_WORD.findall(_printed(section))) if reads else set()
        shown.append(words & patterns.tables.keys())
    return shown


def _printed(section: Section) -> str:
    outputs = [output for cell in section.visible_cells for output in cell.get("outputs", [])]
    return "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
