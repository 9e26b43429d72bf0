"""What a gate says leads to the line of the guide that has its rule."""

import re

from tests.conftest import ROOT
from tests.guide import PAGE, RULES, pointed

GATES = ("tests/chapter_plugin/*.py", "tests/sections/*.py", "tests/site/*.py")


def test_every_rule_is_in_the_page():
    page = (ROOT / PAGE).read_text()
    anchors = re.findall(r"\]\{#(style-[a-z-]+)\}|^\((style-[a-z-]+)\)=$", page, re.M)
    assert {*RULES.values()} <= {row or heading for row, heading in anchors}


def test_every_message_is_one_of_a_gate():
    source = "\n".join(path.read_text() for glob in GATES for path in ROOT.glob(glob))
    source = source.replace("{ERRORS}", "자주 만나는 오류")
    assert [part for part in RULES if part not in source] == []


def test_the_first_line_points_to_the_rule_once():
    said = pointed("cell 3: 16 lines, at most 15")
    assert said == "cell 3: 16 lines, at most 15 (guide: style-cell-length)"
    assert pointed(said) == said
    setup = pointed("the first code cell is not the set-up cell:\nimport os")
    assert setup == "the first code cell is not the set-up cell: (guide: style-setup)\nimport os"
    assert pointed("ZeroDivisionError") == "ZeroDivisionError"
