"""Names in code cells lead to the API index, and the code stays what it was."""

import re

import pytest
from bs4 import BeautifulSoup
from code_links import link_names
from name_uses import ChapterReader
from sphinx.highlighting import PygmentsBridge
from table_of_contents import notebooks

from tests.conftest import ROOT


def linked(names, source: str, language: str = "ipython3") -> tuple[str, dict[str, str]]:
    """The text of a highlighted cell, and its links."""
    block = PygmentsBridge("html").highlight_block(source, language)
    uses = [use for use in ChapterReader(names).uses(source) if use.start is not None]
    soup = BeautifulSoup(link_names(block, source, uses, "index.html"), "html.parser")
    return soup.get_text(), {a.get_text(): str(a["href"]) for a in soup.find_all("a")}


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("with mlflow.start_run():\n    mlflow.log_param('a', 1)",
         {"start_run": "mlflow.start_run", "log_param": "mlflow.log_param"}),
        ("c = mlflow.MlflowClient()\nc.get_run(i)",
         {"MlflowClient": "mlflow.MlflowClient", "get_run": "MlflowClient.get_run"}),
        ('os.environ["MLFLOW_RUN_ID"] = "<&>"', {"MLFLOW_RUN_ID": "MLFLOW_RUN_ID"}),
        ("!mlflow gc --run-ids {i} | grep x", {"mlflow gc": "mlflow-gc"}),
        ("x = 1\n!mlflow ui --host 0.0.0.0",
         {"mlflow ui": "mlflow-server", "--host": "server--host"}),
        ("# mlflow.log_param\n'mlflow.log_param'", {}),
        ("log_param = 1\nmlflow.log_metric('log_param', log_param)",
         {"log_metric": "mlflow.log_metric"}),
    ],
)  # fmt: skip
def test_a_name_is_linked_where_it_is_used(names, source, links):
    text, found = linked(names, source)
    assert text.strip("\n") == source
    assert found == {name: f"index.html#{target}" for name, target in links.items()}


def test_shell_cells_are_linked(names):
    source = "%%bash\nexport MLFLOW_RUN_ID=1\nmlflow server \\\n  --workers 2 > log"
    text, found = linked(names, source, "bash")
    assert text.strip("\n") == source
    assert list(found) == ["MLFLOW_RUN_ID", "mlflow server", "--workers"]


def test_only_the_first_place_in_a_cell_is_a_link(names):
    source = "mlflow.set_tag('a', 1)\nmlflow.set_tag('b', 2)"
    block = PygmentsBridge("html").highlight_block(source, "ipython3")
    uses = ChapterReader(names).uses(source)
    assert link_names(block, source, uses, "i.html").count("<a ") == 1


def test_code_that_is_shown_differently_has_no_links(names):
    block = PygmentsBridge("html").highlight_block("mlflow.set_tag('a', 1)", "ipython3")
    uses = ChapterReader(names).uses("mlflow.set_tag('a', 1)")
    assert link_names(block, "x; mlflow.set_tag('a', 1)", uses, "i.html") == block


def test_links_weigh_little(site, pages, capsys):
    """Bytes that the links add to the largest chapter, compressed."""
    import gzip

    sizes = {}
    for document, _, _ in notebooks(ROOT):
        page = pages[document].read_text()
        plain = re.sub(r'<a href="[^"]*api-index\.html#[^"]*">(.*?)</a>', r"\1", page)
        sizes[document] = len(gzip.compress(page.encode())) - len(gzip.compress(plain.encode()))
    worst = max(sizes, key=sizes.__getitem__)
    with capsys.disabled():
        mean = sum(sizes.values()) / len(sizes)
        print(f"\nlinks in code: {mean:.0f} bytes a page, at most {sizes[worst]} ({worst})", end="")
    assert sizes[worst] <= 4096
