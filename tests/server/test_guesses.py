"""Guessing a password is slow, costs the server little, and locks nobody out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[int]]:
    """Status codes of the answers, and last how many passwords were hashed for them."""
    script = Path(__file__).with_name("guesses.py")
    command = [sys.executable, script, tmp_path_factory.mktemp("guesses")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("what", "answers"),
    [
        ("first", [200, 1]),
        ("again", [200, 0]),
        ("wrong", [*[401] * 10, *[429] * 3, 10]),
        ("known, from there", [200, 0]),
        ("wrong, from elsewhere", [401, 1]),
        ("later", [401, 429, 1]),
        ("unknown name", [*[401] * 10, *[429] * 3, 10]),  # as a known one
        ("empty", [*[401] * 8, 0]),  # ready.py asks every few seconds
        ("short", [400, 0]),
        ("at once", [200, True]),  # no more than HASHES
        ("by another login", [200, 403, 204, 403]),  # without a password: SSO
        ("asked in one request", [200, 1]),  # MLflow calls the function up to four times
    ],
)
def test_what_a_password_costs_and_how_it_is_answered(found, what, answers):
    assert found[what] == answers
