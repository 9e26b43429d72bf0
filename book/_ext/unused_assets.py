"""Sphinx extension: a page loads only what it uses, and only what is loaded is published.

The frame of a page (book/_templates/layout.html) has one style sheet and one script of its own.
What the theme and jupyter-book's extensions would add beside it, for another frame or for features
of which the page has nothing, is left out. A file that is not named here is kept.
"""

from contextlib import suppress
from pathlib import Path

import pydata_sphinx_theme
import sphinx_book_theme

# Part of the name of a file, or of a script written into the page -> what a page that needs it
# contains. None: no page needs it.
_NEEDED_BY = {
    "thebe": None,  # runs cells in the page, through a server elsewhere
    "sphinx-book-theme": None,
    "pydata-sphinx-theme": None,
    "copybutton": None,  # handbook.js has the copy buttons
    "clipboard": None,
    "mystnb.": None,  # handbook.css has the cells
    "sphinx-design": 'class="sd-',
    "design-tabs": "sd-tab-set",
    "toggle": "dropdown admonition",
    # Sphinx's own search; book/_static/search is the search of this book.
    "DOCUMENTATION_OPTIONS": None,
    "documentation_options": None,
    "doctools": None,
    "sphinx_highlight": None,
    "translations": None,
}

_THEMES = tuple(Path(theme.__file__).parent for theme in (sphinx_book_theme, pydata_sphinx_theme))


def _is_needed(asset, body: str) -> bool:
    text = (getattr(asset, "attributes", {}).get("body") or "") + str(
        getattr(asset, "filename", asset)
    )
    for part, sign in _NEEDED_BY.items():
        if part in text:
            return sign is not None and sign in body
    return True


def _drop_unused(app, pagename, templatename, context, doctree):
    body = context.get("body", "")
    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context[kind] if _is_needed(asset, body)]


def _drop_thebe(app, doctree, docname):
    for node in [n for n in doctree.children if n.tagname == "raw" and "thebe" in n.astext()]:
        doctree.remove(node)


def _publish_nothing_of_the_themes(app, exception):
    """Remove the themes' files, 6 MB, from the built site: no page asks for one."""
    static = Path(app.outdir) / "_static"
    for theme in _THEMES:
        for files in theme.glob("theme/*/static"):
            for file in filter(Path.is_file, files.rglob("*")):
                (static / file.relative_to(files)).unlink(missing_ok=True)
            for folder in sorted(filter(Path.is_dir, files.rglob("*")), reverse=True):
                with suppress(OSError):  # not empty: somebody else's file is in it
                    (static / folder.relative_to(files)).rmdir()


def setup(app):
    # After the themes and the extensions, which add their files at 500 and later.
    app.connect("html-page-context", _drop_unused, priority=900)
    app.connect("doctree-resolved", _drop_thebe, priority=900)
    app.connect("build-finished", _publish_nothing_of_the_themes, priority=900)
    return {"parallel_read_safe": True, "version": "1"}
