"""What a chapter must satisfy, in its source and in its outputs. One line per problem."""

import ast
import io
import json
import re
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

import nbformat
from cell_languages import python_that_runs
from chapter_parser import SEE_ALSO, headings, is_hidden, questions_asked, read_chapter
from ruff import find_ruff_bin

from tests.chapter_plugin.logged_to_server import PARTS
from tests.chapter_plugin.particles import detached

LONGEST_CELL = 15  # lines that are not blank

SETUP_CELL = """\
import os
import mlflow

mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"))
mlflow.set_experiment(f"{chapter}-{{os.urandom(3).hex()}}")"""

# Their results differ in the last digits between processors.
_COMPUTING = {"predict", "predict_proba", "decision_function", "score"}

_ANSI = re.compile(r"\x1b\[|\\u001b\[|\\x1b\[")
_HANGUL = re.compile(r"[가-힣]")
# What tools/chapter_template.ipynb says where content is missing.
_PLACEHOLDER = re.compile(r"(?:쓸 것|to write): [^`|)<\n]+")


def check_source(notebook: Path, root: Path) -> list[str]:
    """Problems of the committed file: outputs, long cells, lint, the set-up cell."""
    source = nbformat.read(notebook, as_version=4)
    problems = []
    for number, cell in enumerate(source.cells):
        if cell.cell_type == "markdown":
            problems += [
                f"cell {number}: no English label, (chapter-task)=, before '{'#' * level} {title}'"
                for level, title, label in headings(cell.source)
                if level > 1 and label is None and title != SEE_ALSO
            ]
            problems += [
                f"cell {number}: a space between code and its particle: {text}"
                for text in detached(cell.source)
            ]
        if cell.cell_type != "code":
            continue
        if cell.outputs or cell.execution_count is not None:
            problems.append(f"cell {number}: outputs or an execution count are stored in the file")
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > LONGEST_CELL and not cell.source.startswith("%%writefile"):
            problems.append(f"cell {number}: {len(lines)} lines, at most {LONGEST_CELL}")
        if any(_HANGUL.search(comment) for comment in _comments(cell.source)):
            problems.append(f"cell {number}: Korean in a comment of the code")
        problems += [
            f"cell {number}: exact comparison of computed numbers, use np.allclose: {comparison}"
            for comparison in _exact_comparisons(cell.source)
        ]
    problems += [
        f"the label of an error is (chapter-error-...)=, not ({section.label})=: {section.title}"
        for section in read_chapter(source).of_kind("error")
        if "-error-" not in (section.label or "")
    ]
    problems += _lint(notebook, root)
    if notebook.parent.name in PARTS and notebook.parent.parent == root / "notebooks":
        expected = SETUP_CELL.format(chapter=notebook.stem)
        code = [cell.source for cell in source.cells if cell.cell_type == "code"] or [""]
        # A chapter that needs its experiment's ID may keep what set_experiment returns.
        first = _without_blank_lines(code[0]).replace("experiment = mlflow.set_", "mlflow.set_")
        if not first.startswith(_without_blank_lines(expected)):
            problems.append(f"the first code cell is not the set-up cell:\n{expected}")
    return problems


def check_outputs(executed: nbformat.NotebookNode, root: Path) -> list[str]:
    """Problems of what the reader will see."""
    problems = []
    for number, cell in enumerate(executed.cells):
        if cell.cell_type != "code":
            continue
        if raised_nothing(cell):
            problems.append(f"cell {number}: tagged raises-exception, but raised nothing")
        if is_hidden(cell):
            continue
        text = json.dumps(cell.outputs, ensure_ascii=False)
        if _ANSI.search(text):
            problems.append(f"cell {number}: ANSI codes in the output")
        for path in _machine_paths(root):
            if path in text:
                problems.append(f"cell {number}: an absolute path of the machine in the output")
                break
        has_image = any(
            kind.startswith("image/") for o in cell.outputs for kind in o.get("data", {})
        )
        options = cell.metadata.get("mystnb", {}).get("image", {})
        if has_image and not options.get("alt"):
            problems.append(f"cell {number}: an image without alt text (mystnb: image: alt:)")
        if '"<Figure ' in text and options.get("classes") != "drawn":
            problems.append(f"cell {number}: bright at night (mystnb: image: classes: drawn)")
    return problems


def check_content(notebook: Path) -> list[str]:
    """What the template of a chapter left to be written, and still stands there."""
    source = nbformat.read(notebook, as_version=4)
    texts = [(f"cell {number}", cell.source) for number, cell in enumerate(source.cells)]
    texts += [(label, "\n".join(asked)) for label, asked in questions_asked(source).items()]
    return [
        f"{place}: no content yet: {missing.strip()}"
        for place, text in texts
        for missing in _PLACEHOLDER.findall(text)
    ]


def raised_nothing(cell: nbformat.NotebookNode) -> bool:
    """Whether an executed cell is there to show an error, and showed none."""
    tagged = "raises-exception" in cell.metadata.get("tags", [])
    return tagged and not any(output.output_type == "error" for output in cell.outputs)


def join_streams(executed: nbformat.NotebookNode) -> None:
    """Join neighbouring outputs of the same stream.

    IPython sends what a shell cell prints in pieces of 100 bytes, which break lines on the page,
    and would hide a path that was cut in two from `check_outputs`.
    """
    for cell in executed.cells:
        joined: list[nbformat.NotebookNode] = []
        for output in cell.get("outputs", []):
            last = joined[-1] if joined else {}
            if output.output_type == "stream" and output.name == last.get("name"):
                last["text"] += output.text
            else:
                joined.append(output)
        if "outputs" in cell:
            cell.outputs = joined


def _machine_paths(root: Path) -> list[str]:
    return [
        f"{root}/",
        f"{Path.home()}/",
        f"{sys.prefix}/",
        f"{tempfile.gettempdir()}/",
        "/tmp/",
        "/var/folders/",
        "site-packages/",
    ]


def _lint(notebook: Path, root: Path) -> list[str]:
    command = [find_ruff_bin(), "check", "--no-cache", "--output-format=concise"]
    config = ["--config", str(root / "pyproject.toml")]
    result = subprocess.run(
        [*command, *config, notebook.name], cwd=notebook.parent, capture_output=True, text=True
    )
    if result.returncode == 0:
        return []
    lines = [line for line in result.stdout.splitlines() if line.startswith(f"{notebook.name}:")]
    return [line.replace(f"{notebook.name}:", "ruff: ", 1) for line in lines] or [result.stderr]


def _comments(code: str) -> list[str]:
    """The comments of a cell; in a cell of another language, its lines that begin with #."""
    python = python_that_runs(code)
    if not python:
        return [line for line in code.splitlines() if line.lstrip().startswith("#")]
    tokens = tokenize.generate_tokens(io.StringIO(python).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def _exact_comparisons(code: str) -> list[str]:
    """Comparisons of two predictions or scores, as written, that leave no room for rounding."""
    found = []
    for node in ast.walk(ast.parse(python_that_runs(code))):
        if isinstance(node, ast.Call):
            exact = _called(node) == "array_equal"
        else:
            exact = (
                isinstance(node, ast.Compare)
                and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
                and sum(map(_computes, (node.left, *node.comparators))) > 1
            )
        found += [ast.unparse(node)] if exact else []
    return found


def _computes(expression: ast.expr) -> bool:
    calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call))
    return any(_called(call) in _COMPUTING for call in calls)


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _without_blank_lines(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.strip())
