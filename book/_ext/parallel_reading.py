"""Sphinx extension: pages are read in parallel where Sphinx is asked to (book/preview.py).

sphinx_external_toc always loads sphinx_multitoc_numbering, which does not declare whether it may
be; it changes numbers of parts after the reading, and here no part has one.
"""

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata


def _declare(app: Sphinx, config: Config) -> None:
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("config-inited", _declare, priority=900)
    return {"parallel_read_safe": True, "version": "1"}
