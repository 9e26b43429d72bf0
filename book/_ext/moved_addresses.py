"""Sphinx extension: the old address of a section leads to where the section is now.

`book/moved.yml` names, for each page, the labels that once were on it and what they are called
today. A fragment never reaches a server, so the page itself carries its list; handbook.js follows.
"""

import json
from pathlib import Path

import yaml
from sphinx.util.osutil import relative_uri

SOURCE = Path(__file__).parents[1] / "moved.yml"


def _add_list(app, document, template, context, doctree):
    labels = app.env.get_domain("std").anonlabels
    here = app.builder.get_target_uri(document)
    moved = {
        old: f"{relative_uri(here, app.builder.get_target_uri(labels[new][0]))}#{labels[new][1]}"
        for old, new in app.moved.get(document, {}).items()
        if new in labels
    }
    context["moved"] = json.dumps(moved) if moved else ""


def _read(app):
    app.moved = yaml.safe_load(SOURCE.read_text())


def setup(app):
    app.connect("builder-inited", _read)
    app.connect("html-page-context", _add_list)
    return {"parallel_read_safe": True, "version": "1"}
