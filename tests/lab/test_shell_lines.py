"""A long command is printed in lines that a shell reads as the same command."""

import shlex

import pytest
from mlflow_lab.shell_lines import folded

WORDS = [
    *("A='***'", "B_URL=http://127.0.0.1:9000", "mlflow", "server", "--host", "127.0.0.1"),
    *("--artifacts-destination", "s3://bucket/a folder", "--uvicorn-opts", "--log-level 'info'"),
    *("-D", "data", "--workers", "1"),
]


def command() -> str:
    return f"{WORDS[0]} {WORDS[1]} {shlex.join(WORDS[2:])}"


def test_a_short_command_stays_as_it_is():
    assert folded("mlflow server --port 5000") == "mlflow server --port 5000"


@pytest.mark.parametrize("width", [20, 40, 60, 88, 120])
def test_a_shell_reads_the_lines_as_the_same_command(width):
    assert shlex.split(folded(command(), width).replace("\\\n", "")) == shlex.split(command())


@pytest.mark.parametrize("width", [60, 88])
def test_no_line_is_wider_or_ends_inside_an_option(width):
    lines = folded(command(), width).split(" \\\n  ")
    assert len(lines) > 1
    assert max(map(len, lines)) <= width - 4
    assert all(line.startswith(("A=", "B_URL=", "mlflow server", "-")) for line in lines)
