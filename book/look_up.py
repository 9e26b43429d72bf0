"""Looks something up in the built book, in a terminal: a question, a name, a message, a traceback.

    make find Q="restore a deleted run"
    python train.py 2>&1 | make find

The engine and the index are those of the pages' search, run by QuickJS without a browser.
"""

import json
import sys
from pathlib import Path

import quickjs

BUILT = Path(__file__).absolute().parents[1] / "_build" / "html"
SCRIPTS = ("words", "engine", "index", "rest")
LIMIT = 5
READ = "handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest)"
ASK = """(query, limit) => {
  const found = handbookSearch.reader.search(query, limit);
  return JSON.stringify({
    missing: handbookSearch.isMissing(found),
    results: found.map(({ section: { page, anchor, heading, text, messages, address } }) => ({
      heading, place: [page.part, anchor && page.title].filter(Boolean), text, messages, address,
    })),
  });
}"""


def main(words: list[str]) -> int:
    """Exit code: 0 when the book has an answer, 1 when it seems to have none, 2 without a book."""
    query = " ".join(words) if words or sys.stdin.isatty() else sys.stdin.read()
    if not query.strip():
        print('찾을 말이 없다: make find Q="런 되살리기"', file=sys.stderr)
        return 2
    try:
        answer = find(query, BUILT)
    except FileNotFoundError as error:
        print(f"책이 아직 없다({error.filename}): 먼저 make book", file=sys.stderr)
        return 2
    print(text_of(answer, BUILT))
    return int(answer["missing"])


def find(query: str, site: Path, limit: int = LIMIT) -> dict:
    """What the search of a built site finds: `results`, best first, and whether all are `missing`.

    Raises FileNotFoundError where no site was built.
    """
    context = quickjs.Context()
    for name in SCRIPTS:
        context.eval((site / "_static" / "search" / f"{name}.js").read_text())
    context.eval(f"handbookSearch.reader = {READ}")
    return json.loads(context.eval(ASK)(query, limit))


def text_of(answer: dict, site: Path) -> str:
    """For a terminal: heading, place, first words and address of each result."""
    blocks = []
    if answer["missing"]:
        near = "가장 가까운 곳은 다음과 같다." if answer["results"] else ""
        blocks.append(f"책에서 꼭 맞는 답을 찾지 못했다. {near}".rstrip())
    for number, found in enumerate(answer["results"], 1):
        lines = [f"{number}. {found['heading']}", " › ".join(found["place"])]
        page, mark, anchor = found["address"].partition("#")
        address = f"{(site / page).as_uri()}{mark}{anchor}"
        lines += [found["text"], *found["messages"][:1], address]
        blocks.append("\n   ".join(filter(None, lines)))
    return "\n\n".join(blocks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
