"""An address that the book does not have is answered with its own page, at any depth."""

import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from tests.site.visits import LAPTOP, in_browser, visit

pytestmark = in_browser(LAPTOP)


class Host(SimpleHTTPRequestHandler):
    """Serves the site below a path, as GitHub Pages does, and 404.html where nothing is."""

    below = "/"

    def translate_path(self, path):
        if not path.startswith(self.below):
            return super().translate_path("/nothing-is-here")
        return super().translate_path(path.removeprefix(self.below[:-1]))

    def send_error(self, code, message=None, explain=None):
        assert code == HTTPStatus.NOT_FOUND, message
        page = open(f"{self.directory}/404.html", "rb").read()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)

    def log_message(self, format, *arguments):
        pass


@pytest.fixture(scope="module", params=["/", "/book/"], ids=["root", "below"])
def host(request, site):
    """The address of the book, at the root of a host or below a path."""

    class Handler(Host):
        below = request.param

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=site)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{request.param}"
        server.shutdown()


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("run_tags", "run tags"),
        ("notebooks/concepts/model_signatures.html", "model signatures"),
        ("notebooks/gone/deep/below/webhook.html#webhook-secret", "webhook webhook secret"),
        ("notebooks/search/", "search"),
        ("%EB%B3%84%EC%B9%AD+a&b%.html", "별칭 a b"),
    ],
)
def test_it_searches_for_the_words_of_the_address(browser, host, address, query):
    with visit(browser, host + address, LAPTOP) as visited:
        page = visited.page
        page.wait_for_selector(".search-result")
        assert page.locator("dialog input").input_value() == query
        assert page.locator("#missing-address").text_content() == unquote(
            page.evaluate("location.pathname"), errors="replace"
        )
        page.keyboard.press("Escape")
        links = page.eval_on_selector_all(
            ".bd-article .toctree-l1 a, header .title, .skip-link", "all => all.map((a) => a.href)"
        )
        assert len(links) > 40
        answers = page.evaluate(
            "(links) => Promise.all(links.map(async (l) => (await fetch(l)).status))", links[1:]
        )
        assert {*answers} == {200}
        page.locator(".skip-link").press("Enter")
        assert page.url.partition("#")[0] == (host + address).partition("#")[0]
        assert visited.errors == []


def test_a_result_is_opened(browser, host):
    with visit(browser, f"{host}gone/deep/run_tags", LAPTOP) as visited:
        visited.page.locator(".search-result").first.click()
        visited.page.wait_for_url(f"{host}notebooks/**")
        assert visited.page.locator("h1").text_content() != "없는 페이지"


def test_opened_by_its_own_name_it_does_not_search(browser, site):
    with visit(browser, (site / "404.html").as_uri(), LAPTOP) as visited:
        assert visited.page.locator("dialog").count() == 0
        assert visited.errors == []
