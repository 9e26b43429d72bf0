"""The relevance set: what readers type, and where the book answers it."""

from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("queries.yaml")
# Of people who have not seen the book: one half to work with, one that a test alone reads.
PUBLIC = {half: Path(__file__).parent / "public" / f"{half}.yaml" for half in ("working", "sealed")}


@dataclass(frozen=True)
class Question:
    """A query with everything that answers it: labels of sections, or documents."""

    kind: str
    query: str
    answers: frozenset[str]
    pending: str | None = None  # the document that will answer it
    held_out: bool = False
    language: str = ""


def questions(text: str | None = None) -> list[Question]:
    """All of the set, or of `text` written like it."""
    found = []
    for kind, entries in yaml.safe_load(text or FILE.read_text()).items():
        for entry in entries:
            answers = {*entry.get("sections", ()), *({entry["page"]} if "page" in entry else ())}
            for query in entry.get("queries") or [entry["q"]]:
                pending, held_out = entry.get("pending"), entry.get("held_out", False)
                language = entry.get("lang", "")
                found.append(Question(kind, query, frozenset(answers), pending, held_out, language))
    return found


def dead_answers(entries: list[Question], documents: dict[str, Path]) -> set[str]:
    """Answers of questions that are no document and no address on one; documents by their names."""
    named = {answer for entry in entries for answer in entry.answers} - documents.keys()
    text = "".join(path.read_text() for path in documents.values())
    return {name for name in named if f'id="{name}"' not in text}


def due(entries: list[Question], documents: list[str]) -> list[str]:
    """Questions whose chapter is written and that still name no section."""
    written = [entry for entry in entries if entry.pending in documents and not entry.answers]
    return [
        f"{entry.pending} is written: which section answers {entry.query!r}?" for entry in written
    ]


@dataclass
class Rates:
    """How many queries are answered by the first and by one of the first three results."""

    first: int = 0
    top3: int = 0
    total: int = 0

    def add(self, entry: Question, ranking: list[str]) -> int:
        """Count a query; the place of its best answer, from 1, or 0 if it is not there."""
        places = [place for place, name in enumerate(ranking, 1) if name in entry.answers]
        place = places[0] if places else 0
        self.total += 1
        self.first += place == 1
        self.top3 += 0 < place <= 3
        return place

    @property
    def top1_percent(self) -> float:
        return 100 * self.first / self.total

    @property
    def top3_percent(self) -> float:
        return 100 * self.top3 / self.total

    def __str__(self) -> str:
        return (
            f"{self.total:4} queries   first {self.top1_percent:5.1f} %"
            f"   among three {self.top3_percent:5.1f} %"
        )
