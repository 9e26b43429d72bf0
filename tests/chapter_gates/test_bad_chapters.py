"""Every gate of tests/chapter_plugin refuses a chapter that violates it and says what is wrong."""

import os
import re
import sys

import pytest
from mlflow_lab.warm_start import COLD
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.chapter_gates.small_book import SmallBook, tagged
from tests.chapter_plugin.gates import SETUP_CELL

pytestmark = pytest.mark.xdist_group("bad chapters")

PICTURE = """\
import base64

from IPython.display import Image

Image(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
"AABJRU5ErkJggg=="))"""

FIGURE = """\
from IPython.display import display

display({"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 1x1>"}, raw=True)"""

LINGERING = """\
import subprocess

subprocess.Popen(["sleep", "600"], start_new_session=True)
print("started")"""

# With an environment of its own, so that only its place in the process tree gives it away.
SERVING = """\
import subprocess
import sys
import time

command = [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"]
subprocess.Popen(command, stdout=-3, stderr=-3, env={}, start_new_session=True)
time.sleep(1)"""

STORED_OUTPUT = new_code_cell("1 + 1", execution_count=1)
STORED_OUTPUT.outputs = [new_output("execute_result", data={"text/plain": "2"}, execution_count=1)]


def setup_of(chapter: str) -> str:
    return SETUP_CELL.format(chapter=chapter).replace("import os\n", "import os\n\n")


# chapter -> (its cells, what the suite has to say of it)
BAD: dict[str, tuple[list[str | NotebookNode], str]] = {
    "setup/raises": (["1 / 0"], "ZeroDivisionError"),
    "setup/raises_nothing": (
        [tagged("1 + 1", "raises-exception")],
        "tagged raises-exception, but raised nothing",
    ),
    "setup/long_cell": (["\n".join(f"a{n} = {n}" for n in range(16))], "16 lines, at most 15"),
    "setup/unused_import": (["import json"], "ruff: .*F401"),
    "setup/stored_output": ([STORED_OUTPUT], "outputs or an execution count are stored"),
    "setup/korean_comment": (["1 + 1  # 더하기"], "Korean in a comment"),
    "setup/detached_particle": (
        [new_markdown_cell("`log_param` 은 이름을, `log_metric`은 값을 받는다.")],
        "a space between code and its particle: `log_param` 은",
    ),
    "setup/exact_predictions": (
        ["(loaded.predict(rows) == model.predict(rows)).all()"],
        r"exact comparison of computed numbers.*: loaded\.predict\(rows\) == model\.predict",
    ),
    "setup/exact_arrays": (
        ["import numpy as np\n\nnp.array_equal([0.1 + 0.2], [0.3])"],
        r"exact comparison of computed numbers.*: np\.array_equal",
    ),
    "setup/no_label": (
        [new_markdown_cell("(a-task)=\n## Task\n\n## Another task")],
        "no English label, .* before '## Another task'",
    ),
    "setup/label_of_an_error": (
        [new_markdown_cell("(a-errors)=\n## 자주 만나는 오류\n\n(a-lost)=\n### Lost")],
        r"the label of an error is \(chapter-error-\.\.\.\)=, not \(a-lost\)=: Lost",
    ),
    "setup/ansi": (['print("\\x1b[31mred\\x1b[0m")'], "ANSI codes in the output"),
    "setup/machine_path": (
        ["import sys\n\nprint(sys.executable)"],
        "an absolute path of the machine in the output",
    ),
    "setup/bright_figure": ([FIGURE], r"bright at night \(mystnb: image: classes: drawn\)"),
    "setup/no_alt_text": ([PICTURE], "an image without alt text"),
    "setup/leaves_a_process": ([LINGERING], "left a process: .*sleep"),
    "setup/leaves_a_port": ([SERVING], r"left a process: .*listening on port \[\d+\]"),
    "setup/leaves_a_file": (
        ['from pathlib import Path\n\nPath("left.txt").write_text("x")'],
        r"left a file outside work/leaves_a_file/: notebooks/setup/left\.txt",
    ),
    "setup/no_content": (
        [new_markdown_cell("(쓸 것: 언제 쓰는지 한두 문장.)")],
        "no content yet: 쓸 것: 언제 쓰는지 한두 문장.",
    ),
    "concepts/own_setup": (["1 + 1"], "the first code cell is not the set-up cell"),
    "concepts/logs_nothing": (
        [setup_of("logs_nothing")],
        "no run, model or trace arrived on the tracking server",
    ),
}
WARM = f"{sys.platform == 'linux' and not os.environ.get(COLD)}\n"
IS_WARM = """\
import subprocess
import sys

known = "import sys; print('mlflow' in sys.modules)"
warm = subprocess.run([sys.executable, "-c", known], capture_output=True, text=True)"""
EXECUTES = {"handbook": {"cold": "the seconds of a start are shown"}}

GOOD: dict[str, list[str | NotebookNode]] = {
    "setup/warm_and_cold": [
        IS_WARM.replace("warm =", "before ="),
        new_code_cell(IS_WARM.replace("warm =", "cold ="), metadata=EXECUTES),
        IS_WARM.replace("warm =", "after ="),
        'assert cold.stdout == "False\\n" and before.stdout == after.stdout',
        f"assert before.stdout == {WARM!r}",
    ],
    "setup/tidy": [
        'from pathlib import Path\n\nPath("work/tidy").mkdir(parents=True, exist_ok=True)',
        'Path("work/tidy/note.txt").write_text("x")',
        tagged("1 / 0", "raises-exception"),
    ],
    "concepts/logs": [setup_of("logs"), 'with mlflow.start_run():\n    mlflow.log_metric("m", 1)'],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    """The output of one run over all these chapters."""
    book = SmallBook(tmp_path_factory.mktemp("book"))
    for name, (cells, _) in BAD.items():
        book.add(name, *cells)
    for name, cells in GOOD.items():
        book.add(name, *cells)
    book.add("setup/not_listed", "1 + 1", listed=False)
    book.list("setup/not_written")
    return book.pytest("notebooks", "-rA", "--color=no").stdout


def section(report: str, name: str) -> str:
    """What the report says of one failed test."""
    headline = rf"^_+ {re.escape(name)} _+$"
    found = re.search(rf"{headline}(.*?)(?=^_+ \S+ _+$|^=====)", report, re.M | re.S)
    assert found, f"{name} did not fail:\n{report}"
    return found[1]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_chapter_fails_and_the_report_says_why(report, name):
    said = section(report, f"notebooks/{name}.ipynb")
    assert re.search(BAD[name][1], said), said
    assert ("(guide: style-" in said) == (name != "setup/raises"), said


@pytest.mark.parametrize("name", GOOD)
def test_a_good_chapter_passes_beside_them(report, name):
    assert re.search(rf"^PASSED notebooks/{name}\.ipynb", report, re.M), report


def test_chapters_that_differ_from_the_table_of_contents_fail(report):
    problems = section(report, "_toc.yml")
    assert "setup/not_listed.ipynb: collected, but not listed in _toc.yml" in problems
    assert "setup/not_written.ipynb: listed in _toc.yml, but not collected" in problems
