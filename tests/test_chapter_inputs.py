"""The files of env/server that a chapter depends on are those that its code reaches."""

import shutil

import nbformat
import pytest
from chapter_inputs import (
    SERVER,
    digest_of_chapter,
    files_of_the_server,
    files_of_the_tools,
)

from tests.chapter_gates.small_book import KERNEL
from tests.conftest import ROOT

ALL = {p for p in (ROOT / SERVER).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
KUBERNETES = {p for p in ALL if "kubernetes" in p.parts}
TEAM = {
    *("start.sh", "prepare.py", "application.py", "authentication.py", "permissions.py"),
    *("watch.py", "nginx.conf", ".env.example"),
}


def named(*names: str):
    return {ROOT / SERVER / name for name in names}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ('print(Path("notes").read_text())', set()),
        ('Nginx("nginx.conf")', set()),
        ('conf = Path("../../env/server/nginx.conf").read_text()', named("nginx.conf")),
        ("!sh ../../env/server/new-certificate.sh work > log", named("new-certificate.sh")),
        ('open(Path("../..", "env", "server", "ready.py"))', named("ready.py")),
        ('ROOT / "env" / "server" / "ready.py"', named("ready.py")),
        ('dotenv_values("../../env/server/.env.example")', named(".env.example")),
        ('Path("../../env/server/kubernetes").iterdir()', KUBERNETES),
        ('glob("../../env/server/kubernetes/*.yaml")', KUBERNETES),
        ('glob("../../env/server/*.sh")', ALL),
        ('f"../../env/server/{name}"', ALL),
        ('files = Path("../../env/server")', ALL),
        ('Path("../../env/server/not-written-yet.conf")', ALL),
        ("!sh ../../env/server/new-env.sh", named("new-env.sh", ".env.example")),
        ("team = TeamServer(2)", named(*TEAM)),
        ("from mlflow_lab.team_server import proxy_configuration", named(*TEAM)),
    ],
)
def test_a_chapter_depends_on_what_it_names(code, files):
    assert files_of_the_server(code, ROOT) == files


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import tools_of_mine", set()),
        ("!cd ../.. && python -m tools.fill_store URI", {"fill_store.py", "store_rows.py"}),
        ('Path("../../tools/store_costs.json")', {"store_costs.json"}),
        ("python -m tools.not_there", set()),
    ],
)
def test_a_chapter_depends_on_the_tools_that_it_names(code, names):
    assert files_of_the_tools(code, ROOT) == {ROOT / "tools" / name for name in names}


def test_no_other_component_reads_the_server():
    lab = (ROOT / "env" / "mlflow_lab").glob("*.py")
    readers = {path.name for path in lab if "start.sh" in (t := path.read_text()) or "FILES" in t}
    assert readers == {"team_server.py"}


def test_a_chapter_that_opens_its_own_notebook_depends_on_its_text(tmp_path):
    shutil.copytree(ROOT / "env", tmp_path / "env")

    def digest(code: str, text: str) -> str:
        cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell(code)]
        path = tmp_path / "a.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
        return digest_of_chapter(path, tmp_path, "")

    reading = 'Path("../../a.ipynb").read_text()'
    assert digest(reading, "a") != digest(reading, "b")
    assert digest('{"name": "a.ipynb"}', "a") == digest('{"name": "a.ipynb"}', "b")
    assert digest("1", "a") != digest("2", "a")
