"""Sphinx extension: prints a page as a dense A4 sheet with Chromium, into a PDF beside the page.

The text is the built page's own; the sheet's style is in book/_ext/printed_page.css, apart from the
theme, so that neither changes the other. Fonts are embedded from those of this machine: one with
Korean has to be installed.
"""

import re
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from mlflow_lab.browser import chromium
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

PAGES = ("book/find/cheatsheet",)
STYLE = Path(__file__).with_suffix(".css")
LONG = 30  # letters
SIGNS = r"(?<=[/.(=|])"
SHEET = """<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>{title}</title>
<style>{style}</style></head><body>{body}</body></html>"""

logger = logging.getLogger(__name__)


def sheet(page: str) -> str:
    """What is printed of a built page: its article, without links and without what only works."""
    document = BeautifulSoup(page, "html.parser")
    article = document.select_one("article.bd-article")
    assert article is not None and article.h1 is not None  # as in every page of the book
    for element in article.select(".headerlink, .copybtn, [download], script, style"):
        element.decompose()
    # A relative link would end in the PDF as a path of this machine.
    for link in article.select("a"):
        link.unwrap()
    for code in article.select("code"):
        _keep_words(document, code)
    title = article.h1.get_text()
    return SHEET.format(title=title, style=STYLE.read_text(), body=article.decode_contents())


def _keep_words(document: BeautifulSoup, code: Tag) -> None:
    """Lines are broken between words; in long ones also after a sign, but not at hyphens."""
    words = code.get_text().split()
    code.clear()
    for number, word in enumerate(words):
        if number:
            code.append(" ")
        span = document.new_tag("span")
        for part in re.split(SIGNS, word) if len(word) > LONG else [word]:
            if span.contents:
                span.append(document.new_tag("wbr"))
            span.append(part)
        code.append(span)


def _outdated(pdf: Path, page: Path) -> bool:
    sources = (page, STYLE, Path(__file__))
    return not pdf.is_file() or pdf.stat().st_mtime < max(s.stat().st_mtime for s in sources)


def _print(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.format != "html" or app.tags.has("preview"):
        return
    pages = [Path(app.outdir, f"{name}.html") for name in PAGES if name in app.env.found_docs]
    outdated = [page for page in pages if _outdated(page.with_suffix(".pdf"), page)]
    if not outdated:
        return
    try:
        with chromium() as browser:
            for path in outdated:
                page = browser.new_page()
                page.set_content(sheet(path.read_text()))
                page.pdf(path=path.with_suffix(".pdf"), prefer_css_page_size=True)
    except FileNotFoundError as missing:
        names = ", ".join(page.stem for page in outdated)
        logger.warning("no PDF of %s: %s", names, missing)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("build-finished", _print)
    return {"parallel_read_safe": True, "version": "1"}
