"""Dead links of a built site."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_ATTRIBUTES = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


def dead_links(site: Path) -> list[str]:
    """One line for each internal link of the site that leads to no file or no anchor."""
    files = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: _read(path) for path in files}
    problems = []
    for path, (targets, _) in pages.items():
        for target in sorted(targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if file.is_dir():
                file /= "index.html"
            if not file.is_file():
                problems.append(f"{path.relative_to(site)}: {target}: no such file")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file][1]:
                problems.append(f"{path.relative_to(site)}: {target}: no such anchor")
    return problems


class _Reader(HTMLParser):
    """The targets of a page's links, and its anchors. Builds no tree: a site has many pages."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.targets |= {given.get(_ATTRIBUTES.get(tag, ""), "#")} - {"", "#"}
        anchors = ("id", "name") if tag == "a" else ("id",)
        self.anchors |= {given[name] for name in anchors if name in given}


def _read(path: Path) -> tuple[set[str], set[str]]:
    """The targets of a page's links, and its anchors."""
    reader = _Reader()
    reader.feed(path.read_text())
    return reader.targets, reader.anchors
