"""The glossary is complete and in order, and search takes its synonyms from it alone."""

import json
import re

import look_up
import pytest
import quickjs

from tests.conftest import ROOT

PAGE = ROOT / "book" / "find" / "glossary.md"
# The terms whose Korean name the book has decided on.
DECIDED = """
트래킹 서버, 백엔드 스토어, 아티팩트 스토어, 아티팩트 프록시, 실험, 런, 파라미터, 메트릭, 태그,
아티팩트, 모델, 레지스트리, 등록 모델, 모델 버전, 별칭, 스테이지, 시그니처, 플레이버, 입력 예시,
트레이스, 스팬, 평가, 기록하기, 가져오기, 검색하기"""


def tables(text: str) -> list[list[list[str]]]:
    """Cells of the rows of each table of the page."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.M):
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.splitlines()]
        found.append(rows[2:])
    return found


def words_of_elsewhere(text: str) -> list[list[str]]:
    """The table of what other tools say: it has two columns."""
    return next(([row for row in rows] for rows in tables(text) if len(rows[0]) == 2), [])


def names_and_meanings(text: str) -> list[list[list[str]]]:
    """The other tables."""
    return [rows for rows in tables(text) if len(rows[0]) != 2]


def problems(text: str) -> list[str]:
    """What is wrong with a glossary: one line per problem."""
    found = []
    seen: dict[str, str] = {}
    known = {row[0] for rows in names_and_meanings(text) for row in rows}
    for name, words in words_of_elsewhere(text):
        if name not in known:
            found.append(f"{name}: other tools have a word for it, the glossary has none")
        several = [word for word in words.split(", ") if words.split(", ").count(word) > 1]
        found += [f"{name}: {word} twice" for word in several[:1]]
    for rows in names_and_meanings(text):
        names = [row[0] for row in rows]
        order = sorted(names, key=lambda name: name.replace(" ", "").casefold())
        misplaced = [name for name, right in zip(names, order, strict=True) if name != right]
        found += [f"{name}: not in order" for name in misplaced[:1]]
        for row in rows:
            if len(row) != 4 or not all((row[0], row[1], row[3])):
                found.append(f"{row[0]}: a cell is missing")
            elif "](" not in row[3]:
                found.append(f"{row[0]}: leads nowhere")
            for word in ",".join(row[:3]).split(","):
                if word.strip() and seen.setdefault(word.strip().casefold(), row[0]) != row[0]:
                    found.append(f"{row[0]}: {word.strip()} stands for two things")
    return found


def test_the_glossary_is_in_order_and_each_line_complete():
    assert problems(PAGE.read_text()) == []


def test_every_decided_term_is_in_the_glossary():
    names = {row[0] for rows in names_and_meanings(PAGE.read_text()) for row in rows}
    assert {name.strip() for name in DECIDED.split(",")} - names == set()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| 나 | b | | [b](b) |\n| 가 | a | | [a](a) |", "나: not in order"),
        ("| 가 | | | [a](a) |", "가: a cell is missing"),
        ("| 가 | a | | 뜻만 있다 |", "가: leads nowhere"),
        ("| 가 | a | | [a](a) |\n| 나 | a | | [b](b) |", "나: a stands for two things"),
    ],
)
def test_a_bad_line_is_found(row, problem):
    assert problem in problems(f"| 한국어 | English | 다르게 | 뜻 |\n|---|---|---|---|\n{row}\n")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| 나 | job |", "나: other tools have a word for it"),
        ("| 가 | job, task, job |", "가: job twice"),
    ],
)
def test_a_bad_word_of_another_tool_is_found(row, problem):
    names = "| 한국어 | English | 다르게 | 뜻 |\n|---|---|---|---|\n| 가 | a | | [a](a) |\n"
    found = problems(f"{names}\n| 이 책의 말 | 다른 말 |\n|---|---|\n{row}\n")
    assert len(found) == 1 and problem in found[0]


@pytest.mark.parametrize(
    ("query", "section"),
    [
        ("workspace 지우기", "experiment-delete"),  # a word of another tool
        ("테넌트 분리", "auth-default-permission"),  # the glossary leads there
    ],
)
def test_other_words_lead_to_what_the_glossary_says(site, query, section):
    found = look_up.find(query, site)["results"]
    assert section in [place["address"].partition("#")[2] for place in found]


def test_a_long_message_is_not_read_by_words_of_other_tools(site):
    lines = (site / "_static" / "search" / "index.js").read_text().replace('"workspace"', '"none"')
    short, long = "workspace 지우기", f"workspace 지우기 {'alpha beta gamma delta ' * 3}"
    context = quickjs.Context()
    for name in ("words", "engine"):
        context.eval((site / "_static" / "search" / f"{name}.js").read_text())
    context.eval(lines)
    without = json.loads(context.eval("JSON.stringify(handbookSearch.index.elsewhere)"))
    assert not [row for row in without if "workspace" in row]
    rest = (site / "_static" / "search" / "rest.js").read_text()
    context.eval(rest)
    reader = "handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest)"
    context.eval(f"handbookSearch.reader = {reader}")
    ask = context.eval(look_up.ASK)

    def addresses(answer: dict) -> list[str]:
        return [found["address"] for found in answer["results"]]

    assert addresses(json.loads(ask(long, 5))) == addresses(look_up.find(long, site))
    assert addresses(json.loads(ask(short, 5))) != addresses(look_up.find(short, site))


def test_search_takes_its_synonyms_from_the_page(site):
    text = (site / "_static" / "search" / "index.js").read_text()
    groups = json.loads(text[text.index("{") : text.rindex("}") + 1])["synonyms"]
    rows = [row for rows in names_and_meanings(PAGE.read_text()) for row in rows]
    assert [group[:2] for group in groups] == [row[:2] for row in rows]
