"""What a built page must have. One line per problem."""

import re
from pathlib import Path

from bs4 import BeautifulSoup
from chapters import ERRORS, SEE_ALSO

from tests.site.accessibility import unmarked_english


def article(page: Path) -> BeautifulSoup:
    """The part of a built page that the book wrote."""
    return BeautifulSoup(page.read_text(), "html.parser").select_one("article.bd-article")


# `[1m]` is PromQL's way to write a minute.
_ANSI = re.compile(r"\x1b\[|\[\d+;\d*m|\[\d+m(?!\])")


def problems_of_a_page(page: Path) -> list[str]:
    """Problems that any page of the book can have."""
    problems = []
    soup = BeautifulSoup(page.read_text(), "html.parser")
    if soup.html.get("lang") != "ko":
        problems.append("the language of the page is not ko")
    body = soup.select_one("article.bd-article")
    if len(body.find_all("h1")) != 1:
        problems.append(f"{len(body.find_all('h1'))} titles, not one")
    for image in body.find_all("img"):
        alt = image.get("alt", "")
        # Without alt text Sphinx writes the file's path there.
        if not alt.strip() or alt == image.get("src") or alt.endswith((".png", ".svg")):
            problems.append(f"an image without alt text: {image.get('src')}")
        if not (image.get("width") and image.get("height") and image.get("loading") == "lazy"):
            problems.append(f"an image of unknown size, or not lazy: {image.get('src')}")
        if image.get("src", "").endswith(".png"):
            problems.append(f"a PNG, not a WebP: {image['src']}")
    for text in body.find_all(string=_ANSI):
        problems.append(f"ANSI codes: {text.strip()[:60]}")
    return problems + unmarked_english(soup.html)


def problems_of_a_chapter(page: Path) -> list[str]:
    """Problems of the anatomy of a chapter: its first sentence, recipes, errors, links."""
    problems, body = [], article(page)
    title = body.find("h1")
    if title.find_next(["p", "h2"]).name != "p":
        problems.append("no sentence under the title says what the page is for")
    headings = [heading.get_text().rstrip("#").strip() for heading in body.find_all("h2")]
    if ERRORS not in headings:
        problems.append(f"no section '{ERRORS}'")
    if not headings or headings[-1] != SEE_ALSO:
        problems.append(f"the last section is not '{SEE_ALSO}'")
    if not body.select(".cell_output"):
        problems.append("no output on the page")
    return problems
