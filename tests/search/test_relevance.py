"""What readers type leads to the section that answers it."""

from collections import defaultdict

import pytest
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT
from tests.search.built_search import rankings
from tests.search.questions import Question, Rates, dead_answers, due, questions

pytestmark = pytest.mark.xdist_group("browser")
DOCUMENTS = documents_of_the_book(ROOT)
QUESTIONS = questions()
ACTIVE = [entry for entry in QUESTIONS if entry.answers]


@pytest.fixture(scope="module")
def found(browser, site):
    queries = [entry.query for entry in ACTIVE]
    return dict(zip(ACTIVE, rankings(browser, site, queries), strict=True))


def test_every_expected_section_is_in_the_book(site):
    pages = {name: site / f"{name}.html" for name in DOCUMENTS}
    assert dead_answers(ACTIVE, pages) == set()


def test_questions_of_written_chapters_name_their_sections():
    assert due(QUESTIONS, DOCUMENTS) == []


def test_a_pending_question_is_due_once_its_chapter_is_written():
    text = "questions: [{q: why, pending: notebooks/a/b}, {q: how, pending: notebooks/c/d}]"
    waiting = due(questions(text), ["notebooks/a/b"])
    assert waiting == ["notebooks/a/b is written: which section answers 'why'?"]


def test_first_three_results_answer_the_query(found, capsys):
    rates, misses = Rates(), []
    kinds: dict[str, Rates] = defaultdict(Rates)
    for entry, ranking in found.items():
        place = rates.add(entry, ranking)
        kinds["held out while tuning" if entry.held_out else "tuned on"].add(entry, ranking)
        kinds[entry.kind].add(entry, ranking)
        if place != 1:
            wanted = ", ".join(sorted(entry.answers))
            misses.append(f"  {place or '-':>2}  {entry.query[:90]}\n      wanted {wanted}")
            misses.append(f"      found  {', '.join(ranking[:3])}")
    with capsys.disabled():
        print(f"\nsearch: {rates}")
        for kind, of_kind in kinds.items():
            print(f"  {kind:26}{of_kind}")
        print("place of the best answer, where it is not the first:", *misses, sep="\n")
    assert rates.top3_percent >= 95
    assert rates.top1_percent >= 80


def test_a_query_without_answer_is_counted_as_a_miss():
    rates = Rates()
    entry = Question("kind", "query", frozenset({"a"}))
    assert [rates.add(entry, names) for names in (["a"], ["b", "a"], ["b", "c", "d", "a"], [])] == [
        1,
        2,
        4,
        0,
    ]
    assert (rates.first, rates.top3, rates.total) == (1, 2, 4)
