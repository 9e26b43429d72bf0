"""`make new PART=concepts NAME=alias`: a chapter to fill in, and its line in _toc.yml.

The chapter is tools/chapter_template.ipynb. It runs and passes every gate but one: what is still to
be written is marked, and `check_content` (tests/chapter_plugin/gates.py) names each mark that is
left.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
TEMPLATE = Path(__file__).with_name("chapter_template.ipynb")
UNTITLED = "쓸 것: 제목"
_NAME = re.compile("[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_CHAPTER = re.compile(r"(?m)^( *- file: notebooks/)([^/\s]+)/(\S+)(.*)\n")
_LABEL = re.compile(r"\(([a-z0-9-]+)\)=")


def write(part: str, name: str, title: str = "", root: Path = ROOT) -> Path:
    """Write the chapter and list it behind the last one of its part; returns its path.

    Raises ValueError, and writes nothing, for a part that _toc.yml does not have, a name that is
    no name of a file or is taken, and labels that another chapter has.
    """
    toc = root / "_toc.yml"
    listed = list(_CHAPTER.finditer(text := toc.read_text()))
    parts = list(dict.fromkeys(line[2] for line in listed))
    if part not in parts:
        raise ValueError(f"no part '{part}': PART is one of {', '.join(parts)}")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"'{name}' is no NAME: lower-case English words joined by _, as model_search"
        )
    path = root / "notebooks" / part / f"{name}.ipynb"
    last = [line for line in listed if line[2] == part][-1]
    if path.exists() or any((line[2], line[3]) == (part, name) for line in listed):
        raise ValueError(f"{part}/{name} is there already: choose another NAME")
    chapter = filled(name, title or UNTITLED)
    taken = {*_LABEL.findall(chapter)} & _labels(root)
    if taken:
        raise ValueError(f"another chapter has ({min(taken)})=: choose another NAME")
    path.write_text(chapter)
    line = f"{last[1]}{part}/{name}\n"
    toc.write_text(text[: last.end()] + line + text[last.end() :])
    return path


def filled(name: str, title: str) -> str:
    """The template as a notebook's JSON; labels have the words of the name joined by -."""
    words = {
        "NEW TITLE": json.dumps(title, ensure_ascii=False)[1:-1],
        "NEW_CHAPTER": name,
        "NEW-LABEL": name.replace("_", "-"),
    }
    text = TEMPLATE.read_text()
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _labels(root: Path) -> set[str]:
    chapters = root.glob("notebooks/*/*.ipynb")
    return {label for file in chapters for label in _LABEL.findall(file.read_text())}


def main(part: str, name: str, title: str) -> int:
    """Exit code: 2 when nothing was written."""
    try:
        path = write(part, name, title)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"The chapter: {path.relative_to(ROOT)}, listed in _toc.yml")
    print(f"To see its page: make page NAME={part}/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
