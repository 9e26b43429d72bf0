"""Sphinx extension: markup of Sphinx, myst-nb and pandas, as a screen reader needs it.

These writers have no option for it, so the finished text of a page is changed, before it is put
into its frame.
"""

import re

_CHANGES = (
    # The link beside a heading is named in English, and read out as a number sign.
    (
        r' title="Link to this [^"]*">',
        ' title="여기를 가리키는 링크" aria-label="여기를 가리키는 링크">',
    ),
    # The text of the line says what is folded; this name would hide it.
    (r' aria-label="Toggle hidden content"', ""),
    # A header cell without text, as above the index of a DataFrame, heads nothing.
    (r"<th[^>]*>\s*(?:<p>\s*</p>)?\s*</th>", "<td></td>"),
)
_MESSAGE = re.compile(r'(<div class="output (?:stderr|traceback) [^"]*")(>.*?</pre>)', re.DOTALL)


def _mark_english(match: re.Match) -> str:
    """Mark a message as English unless something in it is Korean."""
    start, rest = match.groups()
    return match[0] if re.search("[가-힣]", rest) else f'{start} lang="en"{rest}'


def _change(app, pagename, templatename, context, doctree):
    if "body" not in context:
        return
    body = context["body"]
    for pattern, replacement in _CHANGES:
        body = re.sub(pattern, replacement, body)
    context["body"] = _MESSAGE.sub(_mark_english, body)


def setup(app):
    app.connect("html-page-context", _change)
    return {"parallel_read_safe": True, "version": "1"}
