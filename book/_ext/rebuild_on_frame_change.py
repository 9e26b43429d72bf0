"""Sphinx extension: an edit of a style sheet, script or extension reaches the built pages.

Sphinx alone copies static files only when it writes a page, and writes only the pages whose text
has changed.
"""

import hashlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_BOOK = Path(__file__).parents[1]


def _digest() -> str:
    kinds = ("_static/**/*", "_ext/*.py", "_theme/**/*", "moved.yml")
    files = [file for kind in kinds for file in _BOOK.glob(kind)]
    content = b"".join(file.read_bytes() for file in sorted(files) if file.is_file())
    return hashlib.sha256(content).hexdigest()


def setup(app: Sphinx) -> ExtensionMetadata:
    # A value of this kind makes Sphinx write all pages again when it differs from the last build.
    app.add_config_value("frame_digest", _digest(), "html")
    return {"parallel_read_safe": True, "version": "1"}
