"""A terminal gives the answers that the pages give."""

import subprocess
import sys

import look_up
import pytest

from tests.conftest import ROOT
from tests.search.built_search import rankings

pytestmark = pytest.mark.xdist_group("browser")

TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 12, in <module>
    mlflow.log_param("lr", 0.2)
mlflow.exceptions.MlflowException: INVALID_PARAMETER_VALUE: Changing param values is not allowed. \
Param with key='lr' was already logged with value='0.1' for run ID='1'. Attempted logging new \
value '0.2'.
"""
QUERIES = ["런 되살리기", "restore a deleted run", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", TRACEBACK]


def run(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "book" / "look_up.py"), *words]
    return subprocess.run(command, input=stdin, capture_output=True, text=True)


def test_it_finds_what_the_pages_find(browser, site):
    found = [
        [place["address"].partition("#")[2] for place in look_up.find(query, site)["results"]]
        for query in QUERIES
    ]
    assert found == rankings(browser, site, QUERIES, limit=look_up.LIMIT)


def test_a_traceback_on_standard_input_is_answered(site):
    answer = run(stdin=TRACEBACK)
    assert answer.returncode == 0, answer.stderr
    assert "#run-error-param-changed" in answer.stdout


def test_what_the_book_lacks_is_said(site):
    answer = run("쀍뛟쏉")
    assert answer.returncode == 1
    assert answer.stdout.startswith("책에서 꼭 맞는 답을 찾지 못했다.")


def test_nothing_asked_is_said():
    assert run(stdin="").returncode == 2


def test_without_a_book_it_says_which_command_makes_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(look_up, "BUILT", tmp_path)
    assert look_up.main(["run"]) == 2
    assert "make book" in capsys.readouterr().err
