"""The cheat sheet as a PDF: one sheet of A4, readable and searchable anywhere."""

import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from printed_page import sheet
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject

from tests.conftest import ROOT
from tests.extensions.lines_of_code import lines_of

NAME = "book/find/cheatsheet"
A4 = (595, 842)  # points
EMBEDDED = ("/FontFile", "/FontFile2", "/FontFile3")


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def fonts_of(page: PageObject) -> list[DictionaryObject]:
    """The fonts that a page uses; of a composite font, those that hold its letters."""
    fonts = page.get("/Resources", {}).get("/Font", {})
    found = []
    for font in (entry.get_object() for entry in fonts.values()):
        parts = font.get("/DescendantFonts")
        found += [part.get_object() for part in parts] if parts else [font]
    return found


def embedded(font: DictionaryObject) -> bool:
    # A Type 3 font is drawn by the PDF itself.
    descriptor = font.get("/FontDescriptor", {})
    return font["/Subtype"] == "/Type3" or any(name in descriptor for name in EMBEDDED)


def problems_of(pdf: Path) -> list[str]:
    """Why a PDF is not one printable sheet of A4; nothing if it is."""
    pages = PdfReader(pdf).pages
    problems = [f"{len(pages)} pages"] if len(pages) > 2 else []
    for number, page in enumerate(pages, 1):
        if tuple(round(side) for side in page.mediabox[2:]) != A4:
            problems.append(f"page {number} is not A4")
        for font in fonts_of(page):
            if not embedded(font):
                problems.append(f"page {number}: {font['/BaseFont']} is not embedded")
        for note in page.get("/Annots", []):
            if "file:" in str(note.get_object()):
                problems.append(f"page {number} links to a file of this machine")
    return problems


@pytest.fixture(scope="module")
def pdf(site) -> Path:
    return site / f"{NAME}.pdf"


def test_it_is_one_sheet_of_a4_with_its_fonts(pdf):
    assert problems_of(pdf) == []


def test_every_line_of_code_and_every_heading_can_be_searched_in_it(pdf):
    source = ROOT / f"{NAME}.md"
    text = without_spaces("".join(page.extract_text() for page in PdfReader(pdf).pages))
    headings = re.findall(r"^#+ (.+)$", source.read_text(), re.M)
    wanted = headings + [line.code for line in lines_of(source)]
    assert [line for line in wanted if without_spaces(line) not in text] == []


def test_the_page_offers_it(site):
    page = (site / f"{NAME}.html").read_text()
    assert 'href="cheatsheet.pdf"' in page


def test_a_sheet_has_the_text_of_the_page_alone():
    page = """<nav>x</nav><article class="bd-article"><h1>T<a class="headerlink">#</a></h1>
    <p><a href="../a.html">text</a> <a href="t.pdf" download>PDF</a></p>
    <code>a --b</code></article>"""
    body = sheet(page).partition("<body>")[2]
    assert "text" in body and "<span>--b</span>" in body
    assert not any(gone in body for gone in ("nav", "href", "PDF", "#"))


def helvetica() -> DictionaryObject:
    """A font that the reader's machine has to have."""
    names = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    return DictionaryObject({NameObject(k): NameObject(v) for k, v in names.items()})


@pytest.mark.parametrize(
    ("pages", "size", "problem"),
    [(3, A4, "3 pages"), (1, (612, 792), "not A4"), (1, A4, "/Helvetica is not embedded")],
)
def test_a_bad_sheet_is_found(tmp_path, pages, size, problem):
    writer = PdfWriter()
    for _ in range(pages):
        page = writer.add_blank_page(*size)
        if "Helvetica" in problem:
            fonts = DictionaryObject({NameObject("/F1"): helvetica()})
            page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    writer.write(tmp_path / "bad.pdf")
    assert problem in "\n".join(problems_of(tmp_path / "bad.pdf"))


WITHOUT_CHROMIUM = """\
import sys
from mlflow_lab import browser
from sphinx.cmd.build import main
browser.find, browser._MACOS = (lambda name: None), ()
sys.exit(main(sys.argv[1:]))
"""


def test_without_chromium_the_build_says_in_one_sentence_what_to_install(tmp_path):
    (tmp_path / "book" / "find").mkdir(parents=True)
    (tmp_path / "index.md").write_text("# A\n\n```{toctree}\nbook/find/cheatsheet\n```\n")
    (tmp_path / "book" / "find" / "cheatsheet.md").write_text("# B\n")
    settings = "extensions = ['myst_parser', 'printed_page']\nhtml_theme = 'basic'\n"
    (tmp_path / "conf.py").write_text(settings)
    build = subprocess.run(
        [sys.executable, "-c", WITHOUT_CHROMIUM, "-q", tmp_path, tmp_path / "html"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    said = "no PDF of cheatsheet: Chromium is not installed: run `make setup`"
    assert build.returncode == 0 and said in build.stderr
