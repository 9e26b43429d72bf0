"""Queries of people who have never seen the book, taken from public threads.

`public/working.yaml` is for working on the search, its misses are printed. `public/sealed.yaml` is
not: nobody reads its queries or its misses, or its figures would measure memory.
"""

from collections import defaultdict

import pytest
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT
from tests.search.built_search import answers
from tests.search.questions import (
    PUBLIC,
    Question,
    Rates,
    dead_answers,
    questions,
)

pytestmark = pytest.mark.xdist_group("browser")
HALVES = {half: questions(file.read_text()) for half, file in PUBLIC.items()}
ASKED = [entry for half in HALVES.values() for entry in half]
FEWEST = 400
# First, and among three, in percent: a little below what was measured.
LEAST = {"working": (58, 80), "sealed": (62, 78)}


@pytest.fixture(scope="module")
def found(browser, site):
    return dict(zip(ASKED, answers(browser, site, [e.query for e in ASKED]), strict=True))


def test_there_are_enough_and_no_half_has_what_the_other_has():
    asked = [entry.query for entry in ASKED]
    assert len(asked) == len(set(asked)) >= FEWEST
    assert {entry.language for entry in ASKED} == {"en", "ko"}


def test_every_answer_is_in_the_book(site):
    pages = {name: site / f"{name}.html" for name in documents_of_the_book(ROOT)}
    assert dead_answers(ASKED, pages) == set()


@pytest.mark.parametrize("half", HALVES)
def test_first_three_results_answer_the_query(found, half, capsys):
    rates, misses = Rates(), []
    kinds: dict[str, Rates] = defaultdict(Rates)
    for entry in filter(lambda entry: entry.answers, HALVES[half]):
        ranking = found[entry].ranking
        place = rates.add(entry, ranking)
        kinds[entry.language].add(entry, ranking)
        kinds[entry.kind].add(entry, ranking)
        if not 0 < place <= 3:
            misses.append(f"  {entry.query[:90]}\n      wanted {', '.join(sorted(entry.answers))}")
    with capsys.disabled():
        print(f"\npublic questions, {half}: {rates}")
        for kind, of_kind in sorted(kinds.items()):
            print(f"  {kind:26}{of_kind}")
        if half == "working":
            print("not among the first three:", *misses, sep="\n")
    first, among_three = LEAST[half]
    assert rates.top1_percent >= first
    assert rates.top3_percent >= among_three


def test_what_has_no_answer_is_said_more_often_than_what_has_one(found):
    def share(entries: list[Question]) -> float:
        return sum(found[entry].missing for entry in entries) / len(entries)

    answered = [entry for entry in ASKED if entry.answers]
    unanswered = [entry for entry in ASKED if not entry.answers]
    assert share(answered) < share(unanswered)
