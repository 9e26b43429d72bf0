"""What a built page must have. One line per problem."""

import re
from pathlib import Path

from book_facts import INDEX
from bs4 import BeautifulSoup, Tag
from chapter_parser import ERRORS, SEE_ALSO, is_hidden, read_chapter, read_source

from tests.site.accessibility import unmarked_english

# `[1m]` is PromQL's way to write a minute.
_ANSI = re.compile(r"\x1b\[|\[\d+;\d*m|\[\d+m(?!\])")


def text_of_page(soup: BeautifulSoup) -> Tag:
    """Its article, which the frame of every page has."""
    article = soup.select_one("article.bd-article")
    assert article is not None
    return article


def problems_of_a_page(soup: BeautifulSoup) -> list[str]:
    """Problems that any page of the book can have."""
    problems = []
    assert soup.html is not None
    if soup.html.get("lang") != "ko":
        problems.append("the language of the page is not ko")
    body = text_of_page(soup)
    if len(body.find_all("h1")) != 1:
        problems.append(f"{len(body.find_all('h1'))} titles, not one")
    for image in body.find_all("img"):
        alt = str(image.get("alt", ""))
        # Without alt text Sphinx writes the file's path there.
        if not alt.strip() or alt == image.get("src") or alt.endswith((".png", ".svg")):
            problems.append(f"an image without alt text: {image.get('src')}")
        if not (image.get("width") and image.get("height") and image.get("loading") == "lazy"):
            problems.append(f"an image of unknown size, or not lazy: {image.get('src')}")
        if str(image.get("src", "")).endswith(".png"):
            problems.append(f"a PNG, not a WebP: {image['src']}")
    for text in body.find_all(string=_ANSI):
        problems.append(f"ANSI codes: {text.strip()[:60]}")
    return problems + unmarked_english(soup.html)


def problems_of_a_chapter(soup: BeautifulSoup, folder: Path) -> list[str]:
    """Problems of the anatomy of a chapter: its first screen, recipes, errors, links, download.

    `folder` is where the page is.
    """
    problems, body = [], text_of_page(soup)
    title = body.h1
    assert title is not None
    following = title.find_next(["p", "h2"])
    if following is None or following.name != "p":
        problems.append("no sentence under the title says what the page is for")
    answers: list[Tag] = []
    for tag in title.find_all_next(True):
        if tag.name == "h2" or "cell" in (tag.get("class") or ()):
            break
        if "answers" in (tag.get("class") or ()):
            answers += tag.select("tbody tr")
    if not 5 <= len(answers) <= 8:
        problems.append(f"{len(answers)} answers under the title, not 5 to 8")
    for row in answers:
        if not row.select_one('td:first-child a[href^="#"]'):
            problems.append(f"an answer without a link to its section: {row.get_text(' ').strip()}")
    headings = [heading.get_text().rstrip("#").strip() for heading in body.find_all("h2")]
    if ERRORS not in headings:
        problems.append(f"no section '{ERRORS}'")
    if not headings or headings[-1] != SEE_ALSO:
        problems.append(f"the last section is not '{SEE_ALSO}'")
    if not body.select(".cell_output"):
        problems.append("no output on the page")
    if "remove-cell" in body.decode():
        problems.append("checks of the authors are on the page")
    button = soup.select_one('[href*="_sources/"][href$=".ipynb"]')
    if not button:
        problems.append("no download button")
    elif not (folder / str(button["href"])).is_file():
        problems.append(f"nothing to download: {button['href']}")
    elif any(map(is_hidden, read_source(folder / str(button["href"])).cells)):
        problems.append("checks of the authors are in the download")
    return problems


def problems_of_the_code(soup: BeautifulSoup, notebook: Path) -> list[str]:
    """Set-up in the way; links that change a character of the code, or a page without any."""
    shown = {pre.get_text().strip("\n") for pre in soup.select(".cell_input pre")}
    chapter = read_chapter(read_source(notebook))
    written = [
        cell.source.strip("\n")
        for section in chapter.sections
        for cell in section.visible_cells
        if not {"remove-input", "hide-input"} & set(cell.metadata.get("tags", []))
    ]
    problems = [f"not on the page: {code}" for code in written if code and code not in shown]
    problems += [
        f"set-up that is not folded: {cell.source.splitlines()[0]}"
        for cell in chapter.sections[0].visible_cells
        if "hide-input" not in cell.metadata.get("tags", [])
    ]
    if not soup.select(f'.cell_input a[href*="{INDEX.rpartition("/")[2]}.html#"]'):
        problems.append("no name in the code leads to the API index")
    return problems
