"""Sphinx extension: the browser can tell a whole table from one whose rows are still arriving.

Columns are as wide as the cells that are there, so on a slow connection each row that arrives moves
the others. Every table ends in an empty foot; the style sheet shows a table once it has one.
"""


def _add_feet(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = context["body"].replace("</table>", "<tfoot></tfoot></table>")


def setup(app):
    app.connect("html-page-context", _add_feet)
    return {"parallel_read_safe": True, "version": "1"}
