"""Dead links of a built site."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

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


def _read(path: Path) -> tuple[set[str], set[str]]:
    """The targets of a page's links, and its anchors."""
    soup = BeautifulSoup(path.read_text(), "html.parser")
    targets = {
        element[attribute]
        for tag, attribute in _ATTRIBUTES.items()
        for element in soup.find_all(tag)
        if element.get(attribute)
    }
    anchors = {element["id"] for element in soup.find_all(id=True)}
    anchors |= {element["name"] for element in soup.find_all("a", attrs={"name": True})}
    return {target for target in targets if target != "#"}, anchors
