"""The contents of a page, in short: of a heading "task: names of the API" the task alone.

The names are in the heading, in the search and in the code; beside the page there is no room.
"""

import re

from chapters import PREPARATION

_LINK = re.compile(r"(<a\b[^>]*>)(.*?)(</a>)", re.S)
_TASK = re.compile(r"(.*?[가-힣].*?): .+", re.S)
_BREAKS = re.compile(r"([_./(=])(?=\w)")
_TAG = re.compile(r"(<[^>]+>)")


def shortened(contents: str) -> str:
    """The list of headings as HTML; what is left of an identifier breaks between its words."""
    return _LINK.sub(lambda link: f"{link[1]}{_breaking(_task(link[2]))}{link[3]}", contents)


def _task(title: str) -> str:
    if title.startswith(PREPARATION):
        return title
    task = _TASK.fullmatch(title)
    whole = task and task[1].count("<code") == task[1].count("</code>")
    return task[1] if whole else title


def _breaking(title: str) -> str:
    parts = _TAG.split(title)
    parts[::2] = [_BREAKS.sub(r"\1<wbr>", text) for text in parts[::2]]
    return "".join(parts)


def _offer(app, pagename, templatename, context, doctree) -> None:
    context["shortened"] = shortened


def setup(app):
    app.connect("html-page-context", _offer)
    return {"parallel_read_safe": True, "version": "1"}
