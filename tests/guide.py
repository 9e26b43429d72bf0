"""Where the guide for authors has the rule that a gate insists on."""

PAGE = "book/contribute/style.md"

# What the message of a gate contains -> the anchor of the rule in the page.
RULES = {
    "no content yet": "style-content",
    "no English label": "style-label",
    "the label of an error is": "style-error-label",
    "a space between code and its particle": "style-particle",
    "outputs or an execution count are stored": "style-stored",
    "lines, at most": "style-cell-length",
    "Korean in a comment": "style-comments",
    "exact comparison of computed numbers": "style-numbers",
    "ruff: ": "style-ruff",
    "the first code cell is not the set-up cell": "style-setup",
    "tagged raises-exception": "style-raises",
    "ANSI codes": "style-output",
    "an absolute path of the machine": "style-output",
    "an image without alt text": "style-picture",
    "an image of unknown size": "style-picture",
    "a PNG, not a WebP": "style-picture",
    "bright at night": "style-picture",
    "left a ": "style-leftovers",
    "arrived on the tracking server": "style-server",
    "listed in _toc.yml": "style-order",
    "the language of the page is not ko": "style-english",
    "English without lang": "style-english",
    "titles, not one": "style-title",
    "no sentence under the title": "style-title",
    "answers under the title": "style-answers",
    "an answer without a link": "style-answers",
    "no section '자주 만나는 오류'": "style-errors",
    "the last section is not": "style-see-also",
    "no output on the page": "style-shown",
    "no name in the code leads to the API index": "style-shown",
    "not on the page": "style-cells",
    "checks of the authors": "style-hidden",
    "no download button": "style-anatomy",
    "nothing to download": "style-anatomy",
    "set-up that is not folded": "style-setup",
    "set-up cells": "style-setup",
    "names that nothing before them defines": "style-needs",
    "less? then lower over_budget.json": "style-size",
    "fewer? then lower known_faults.json": "style-visible",
    "is no section and no row": "style-questions",
    "questions, ": "style-questions",
    "asked for in Korean and in English": "style-questions",
    "the same question": "style-questions",
}


def pointed(problem: str) -> str:
    """The message with a pointer to the rule in its first line, where there is a rule."""
    first, newline, rest = problem.partition("\n")
    anchor = next((anchor for part, anchor in RULES.items() if part in first), None)
    if anchor is None or "(guide: " in first:
        return problem
    return f"{first} (guide: {anchor}){newline}{rest}"
