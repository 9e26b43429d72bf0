"""Sphinx extension: pages do not load what jupyter-book adds for features this book does not use.

thebe (running cells in the page, through a server elsewhere) is not used. Its script is added twice
by an incremental build, and declares the same constant twice.
"""


def _drop_thebe(app, pagename, templatename, context, doctree):
    def used(asset):
        body = getattr(asset, "attributes", {}).get("body") or ""
        return "thebe" not in f"{getattr(asset, 'filename', asset)} {body}".lower()

    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context[kind] if used(asset)]


def setup(app):
    app.connect("html-page-context", _drop_thebe, priority=900)
    return {"parallel_read_safe": True, "version": "1"}
