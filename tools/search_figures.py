"""What the search of a built site answers, and what is loaded before it does."""

import gzip
import json
import statistics
from pathlib import Path

from mlflow_lab.browser import chromium

from tests.search.built_search import rankings
from tests.search.questions import FILE, PUBLIC, Rates, questions
from tools.sides import Side

SETS = {
    "own queries": FILE,
    **{f"public queries, {half}": file for half, file in PUBLIC.items()},
}
CODE = ("open.js", "dialog.js", "dialog.css", "words.js", "engine.js")
SAMPLES, PROJECTED = (12, 24, 36), 60  # chapters
# Bytes of the index of the first so many chapters, with all other pages, written by the side's own
# code from what its build kept.
_SIZES = """
import gzip, json, pickle, sys
from pathlib import Path
sys.path.insert(0, "book/_ext")
from search_index import index_of
text = Path("_build/html/_static/search/index.js").read_text()
built = json.loads(text[text.index("{"):text.rindex("}") + 1])
kept = next(Path("_build").rglob("search_sections.pickle"))
sections = pickle.loads(kept.read_bytes())
pages = [(uri, part, sections[uri.removesuffix(".html")]) for uri, part, _ in built["pages"]]
sizes = []
for count in json.loads(sys.argv[1]):
    chapters = [page for page in pages if page[0].startswith("notebooks/")][:count]
    index = index_of([p for p in pages if p in chapters or not p[0].startswith("notebooks/")])
    index = index[0] if isinstance(index, tuple) else index
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    sizes.append(len(gzip.compress(text.encode())))
print(json.dumps(sizes))
"""


def answers(site: Path) -> dict[str, float]:
    """Percent of the answerable queries of each set that are answered first, and among three."""
    table = {}
    with chromium() as browser:
        for name, file in SETS.items():
            asked = [entry for entry in questions(file.read_text()) if entry.answers]
            rates: dict[str, Rates] = {"": Rates()}
            found = rankings(browser, site, [entry.query for entry in asked])
            for entry, ranking in zip(asked, found, strict=True):
                for group in {"", entry.language}:
                    rates.setdefault(group, Rates()).add(entry, ranking)
            table[f"search, {name}: first (%)"] = rates[""].top1_percent
            for group, rate in rates.items():
                table[f"search, {name}: among three{group and ', '}{group} (%)"] = rate.top3_percent
    return table


def sizes(side: Side) -> dict[str, float]:
    """Kilobytes with gzip before the first answer: today's, and projected by a line."""
    folder = side.folder / "_build" / "html" / "_static" / "search"
    code = sum(len(gzip.compress((folder / name).read_bytes())) for name in CODE)
    measured = json.loads(side.python(_SIZES, json.dumps(SAMPLES)))
    slope, start = statistics.linear_regression(SAMPLES, measured)
    today = len(gzip.compress((folder / "index.js").read_bytes()))
    before = "search: kB, gzip, before the first answer"
    return {
        before: (code + today) / 1000,
        f"{before}, at {PROJECTED} chapters": (code + start + slope * PROJECTED) / 1000,
    }
