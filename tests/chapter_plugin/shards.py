"""Shards: the chapters cut into parts of about the same seconds, one for each machine.

    PYTHONPATH=book/_ext python -m tests.chapter_plugin.shards

writes seconds.json, by which they are cut, anew from the execution cache.
"""

import argparse
import json
import re
import statistics
from collections.abc import Iterable
from pathlib import Path

from execution_cache import ExecutionCache
from table_of_contents import chapters_of_the_book

RECORD = Path(__file__).with_name("seconds.json")


def expected_seconds(chapters: Iterable[Path], root: Path) -> dict[Path, float]:
    """Seconds of each chapter, as recorded; a chapter without a record takes the median."""
    recorded = json.loads(RECORD.read_text())
    usual = statistics.median(recorded.values())
    return {path: recorded.get(_name(path, root), usual) for path in chapters}


def cut(seconds: dict[Path, float], number: int) -> list[list[Path]]:
    """`number` parts of the chapters: the longest first, each into the part that has the least."""
    parts: list[list[Path]] = [[] for _ in range(number)]
    for chapter in sorted(seconds, key=lambda path: (-seconds[path], path)):
        min(parts, key=lambda part: sum(map(seconds.__getitem__, part))).append(chapter)
    return parts


def chapters_of_shard(shard: tuple[int, int], root: Path) -> set[Path]:
    """The chapters of shard (n, m): the n-th of m parts of the book."""
    n, m = shard
    return set(cut(expected_seconds(chapters_of_the_book(root), root), m)[n - 1])


def shard(text: str) -> tuple[int, int]:
    """The two numbers of "n/m", for argparse."""
    numbers = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not numbers or int(numbers[1]) > int(numbers[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: 2/3 is the second of three")
    return int(numbers[1]), int(numbers[2])


def record(root: Path) -> None:
    """Write the seconds of the executions that the cache holds; those of the others stay."""
    cache, recorded = ExecutionCache(root), json.loads(RECORD.read_text())
    seconds = {
        _name(path, root): cache.seconds(path) or recorded.get(_name(path, root))
        for path in sorted(chapters_of_the_book(root))
    }
    known = {name: round(value, 1) for name, value in seconds.items() if value}
    RECORD.write_text(json.dumps(known, indent=1) + "\n")


def _name(chapter: Path, root: Path) -> str:
    return chapter.relative_to(root).as_posix()


if __name__ == "__main__":
    record(Path(__file__).resolve().parents[2])
