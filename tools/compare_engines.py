"""Other search engines on the questions of this book.

    PYTHONPATH=book/_ext python -m tools.compare_engines

Each engine gets every section of the built site as a document of its own, with its heading, prose,
code and error messages in full, and is asked every query of queries.yaml in Chromium or Node.
Prints the table that stands in tests/search/README.md. Needs npm, and about five minutes.
"""

import functools
import gzip
import html
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bs4 import BeautifulSoup
from mlflow_lab.browser import chromium
from table_of_contents import documents_of_the_book

from tests.conftest import ROOT
from tests.search.built_search import compressed, open_search, page_of
from tests.search.questions import Rates, questions
from tests.site.pages import text_of_page

SITE = ROOT / "_build" / "html"
PACKAGES = ("pagefind@1.6.0", "minisearch@7.2.0")
ACTIVE = [entry for entry in questions() if entry.answers]
QUERIES = [entry.query for entry in ACTIVE]


def documents() -> list[dict[str, str]]:
    """Every section: `id` as the questions name it, `heading`, `text`."""
    found = []
    for name in documents_of_the_book(ROOT):
        article = text_of_page(BeautifulSoup((SITE / f"{name}.html").read_text(), "html.parser"))
        labels = {str(span["id"]) for span in article.select("span[id]:empty")}
        for link in article.select(".headerlink"):
            link.decompose()
        for section in reversed(article.find_all("section")):  # inner sections first
            section.extract()
            heading = section.find(re.compile("h[1-6]"))
            assert heading is not None
            named = [section, *section.find_all("span", id=True)]
            names = [str(element["id"]) for element in named]
            title = heading.get_text()
            own = next((label for label in names if label in labels), names[0])
            heading.extract()
            identity = name if heading.name == "h1" else own
            found.append({"id": identity, "heading": title, "text": section.get_text(" ")})
    return found


def report(
    engine: str, rankings: list[list[str]], milliseconds: float, size: int, file: str
) -> None:
    rates = Rates()
    for entry, ranking in zip(ACTIVE, rankings, strict=True):
        rates.add(entry, ranking)
    print(
        f"| {engine} | {rates.top1_percent:.1f} % | {rates.top3_percent:.1f} %"
        f" | {size / 1000:.0f} kB | {milliseconds:.1f} ms | {file} |",
        flush=True,
    )


def ours() -> None:
    with chromium() as browser, page_of(browser, SITE) as page:
        open_search(page)
        names, took = page.evaluate(
            """(queries) => {
              const engine = handbookSearch.Engine.read(handbookSearch.index, handbookSearch.rest);
              const name = ({anchor, address}) => anchor || address.replace(/[.]html$/, "");
              const started = performance.now();
              const ask = (query) => engine.search(query).map(({section}) => name(section));
              const found = queries.map(ask);
              return [found, (performance.now() - started) / queries.length];
            }""",
            QUERIES,
        )
    size = compressed(SITE / "_static" / "search" / "index.js")
    report("this one", names, took, size, "yes")


def sphinx(folder: Path, sections: list[dict], splitter: bool) -> None:
    """Sphinx's own search, a document for each section; with a splitter: pairs of syllables."""
    source, built = folder / f"sphinx-{splitter}", folder / f"sphinx-{splitter}-html"
    source.mkdir()
    (source / "conf.py").write_text(
        SPHINX_SPLITTER if splitter else "html_search_language = 'ko'\n"
    )
    (source / "index.rst").write_text("Index\n=====\n")
    for number, section in enumerate(sections):
        title = re.sub(r"([^\w\s가-힣])", r"\\\1", " ".join(section["heading"].split()))
        body = "\n".join("   " + line for line in section["text"].splitlines() if line.strip())
        text = f":orphan:\n\n{title}\n{'=' * 3 * len(title)}\n\n::\n\n{body or '   -'}\n"
        (source / f"d{number}.rst").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(built)]
    subprocess.run(command, check=True, capture_output=True)
    with chromium() as browser:
        page = browser.new_page()
        page.goto((built / "search.html").as_uri())
        page.wait_for_function("Search.hasIndex()")
        found, took = page.evaluate(
            """(queries) => {
              const started = performance.now();
              const ask = (query) => Search._performSearch(...Search._parseQuery(query));
              const names = (results) => results.reverse().slice(0, 10).map(([name]) => name);
              const found = queries.map((query) => names(ask(query)));
              return [found, (performance.now() - started) / queries.length];
            }""",
            QUERIES,
        )
    names = [[sections[int(n[1:])]["id"] for n in one if n != "index"] for one in found]
    size = compressed(built / "searchindex.js")
    report(f"Sphinx 7.4{', Korean in pairs' if splitter else ''}", names, took, size, "yes")


SPHINX_SPLITTER = r"""
import re
from sphinx.search import SearchLanguage

class Korean(SearchLanguage):
    lang = "kp"
    language_name = "Korean in pairs"
    js_stemmer_code = "var Stemmer = function () { this.stemWord = (word) => word; };"
    js_splitter_code = '''
    var splitQuery = (query) => (query.match(/[a-z0-9_]+|[가-힣]+/gi) || []).flatMap((word) =>
      /^[가-힣]{3,}/.test(word) ? [...word].slice(1).map((c, i) => word[i] + c) : [word]);'''

    def split(self, text):
        words = re.findall(r"[A-Za-z0-9_]+|[가-힣]+", text)
        korean = [word for word in words if "가" <= word[0] and len(word) > 2]
        return words + [word[i : i + 2] for word in korean for i in range(len(word) - 1)]

    def word_filter(self, word):
        return True

def setup(app):
    app.add_search_language(Korean)

html_search_language = "kp"
"""


def pagefind(folder: Path, sections: list[dict]) -> None:
    site = folder / "pagefind-site"
    site.mkdir()
    for number, section in enumerate(sections):
        (site / f"d{number}.html").write_text(
            f"<!doctype html><html lang=ko><title>x</title><main data-pagefind-body>"
            f"<h1>{html.escape(section['heading'])}</h1><p>{html.escape(section['text'])}</p></main>"
        )
    command = ["npx", "--prefix", str(folder), "pagefind", "--site", str(site)]
    subprocess.run(command, check=True, capture_output=True)
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with chromium() as browser:
            page = browser.new_page()
            page.goto(f"{address}/d0.html")
            found, took = page.evaluate(
                """async (queries) => {
                  const pagefind = await import("/pagefind/pagefind.js");
                  await pagefind.init();
                  const found = [];
                  const started = performance.now();
                  for (const query of queries) {
                    const {results} = await pagefind.search(query);
                    const data = await Promise.all(results.slice(0, 10).map((r) => r.data()));
                    found.push(data.map(({url}) => url));
                  }
                  return [found, (performance.now() - started) / queries.length];
                }""",
                QUERIES,
            )
        server.shutdown()
    names = [[sections[int(re.findall(r"d(\d+)", u)[0])]["id"] for u in one] for one in found]
    files = [path for path in (site / "pagefind").rglob("*.pf_*") if path.is_file()]
    report("Pagefind 1.6.0", names, took, sum(map(compressed, files)), "no")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


MINISEARCH = r"""
const MiniSearch = require("minisearch"), fs = require("fs");
const {sections, queries, pairs} = JSON.parse(fs.readFileSync(0));
const PARTICLE = /(?:으로|에서|에게|까지|부터|[을를이가은는에의로와과도만])$/;
const korean = (word) => {
  const bare = word.length > 2 ? word.replace(PARTICLE, "") : word;
  return bare.length < 3 ? [bare] : [bare, ...[...bare].slice(1).map((c, i) => bare[i] + c)];
};
const tokenize = (text) => (text.match(/[a-z0-9_]+|[가-힣]+/gi) ?? []).flatMap((word) =>
  /^[가-힣]/.test(word) ? korean(word) : word.includes("_") ? [word, ...word.split("_")] : [word]);
const options = {
  fields: ["heading", "text"],
  idField: "id",
  ...(pairs && {tokenize}),
  searchOptions: {boost: {heading: 4}, fuzzy: (t) => (/^[a-z]{4,}/i.test(t) ? 0.2 : false),
    prefix: (t) => t.length > 2},
};
const engine = new MiniSearch(options);
engine.addAll(sections.filter((s, i) => sections.findIndex((o) => o.id === s.id) === i));
const json = JSON.stringify(engine);
const started = performance.now();
const found = queries.map((query) => engine.search(query).slice(0, 10).map(({id}) => id));
const took = (performance.now() - started) / queries.length;
console.log(JSON.stringify({found, took, json}));
"""


def minisearch(folder: Path, sections: list[dict], pairs: bool) -> None:
    (folder / "minisearch.cjs").write_text(MINISEARCH)
    asked = json.dumps({"sections": sections, "queries": QUERIES, "pairs": pairs})
    result = subprocess.run(
        ["node", "minisearch.cjs"],
        cwd=folder,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(result.stdout)
    size = len(gzip.compress(answer["json"].encode(), 9))
    name = "MiniSearch 7.2.0" + (", Korean without particles, in pairs" if pairs else "")
    report(name, answer["found"], answer["took"], size, "as a script")


def main() -> None:
    sections = documents()
    print(f"{len(sections)} sections, {len(QUERIES)} queries\n")
    print("| engine | first | among three | index, gzip | a query | from a folder |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        folder = Path(name)
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
        subprocess.run([*command, *PACKAGES], check=True, capture_output=True)
        ours()
        minisearch(folder, sections, pairs=True)
        minisearch(folder, sections, pairs=False)
        pagefind(folder, sections)
        sphinx(folder, sections, splitter=True)
        sphinx(folder, sections, splitter=False)


if __name__ == "__main__":
    main()
