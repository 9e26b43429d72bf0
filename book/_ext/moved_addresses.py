"""Sphinx extension: the old address of a section leads to where the section is now.

`book/moved.yml` names, for each page, the labels that once were on it and what they are called
today. A fragment never reaches a server, so the page itself carries its list; handbook.js follows.
"""

import json
from pathlib import Path

import yaml
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.util.osutil import relative_uri
from sphinx.util.typing import ExtensionMetadata

SOURCE = Path(__file__).parents[1] / "moved.yml"


class _Application(Sphinx):
    """Sphinx's, with what this extension keeps in it."""

    moved: dict[str, dict[str, str]]  # page -> old label -> new label


def _add_list(app: _Application, document: str, template: str, context: dict, *_: object) -> None:
    standard = app.env.get_domain("std")
    assert isinstance(standard, StandardDomain)
    labels = standard.anonlabels
    here = app.builder.get_target_uri(document)
    moved = {
        old: f"{relative_uri(here, app.builder.get_target_uri(labels[new][0]))}#{labels[new][1]}"
        for old, new in app.moved.get(document, {}).items()
        if new in labels
    }
    context["moved"] = json.dumps(moved) if moved else ""


def _read(app: _Application) -> None:
    app.moved = yaml.safe_load(SOURCE.read_text())


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("builder-inited", _read)
    app.connect("html-page-context", _add_list)
    return {"parallel_read_safe": True, "version": "1"}
