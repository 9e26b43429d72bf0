"""A long command as a person types it: in several lines, none of which ends inside an option."""

import re

WIDTH = 88  # characters of a line that a page shows without scrolling
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")  # as shlex.join quotes it
_VARIABLE = re.compile(r"\w+=")


def folded(command: str, width: int = WIDTH) -> str:
    """The command with line breaks before options and after variables, where it needs any."""
    if len(command) <= width:
        return command
    lines = [""]
    for part in _parts(_WORD.findall(command)):
        line = f"{lines[-1]} {part}".lstrip()
        # Of a later line, two characters are its indent, and two more end each but the last one.
        if lines[-1] and len(line) + 4 > width:
            lines.append(part)
        else:
            lines[-1] = line
    return " \\\n  ".join(lines)


def _parts(words: list[str]) -> list[str]:
    """What stays together: a variable; the program with its arguments; an option with its value."""
    parts: list[list[str]] = []
    for number, word in enumerate(words):
        variables_before = all(map(_VARIABLE.match, words[:number]))
        if word.startswith("-") or variables_before:
            parts.append([word])
        else:
            parts[-1].append(word)
    return [" ".join(part) for part in parts]
