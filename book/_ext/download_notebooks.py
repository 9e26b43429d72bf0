"""The notebook that a reader downloads is the chapter without the checks of its authors."""

from pathlib import Path

import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def _leave_out_the_checks(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    checks = TagRemovePreprocessor(remove_cell_tags={"remove-cell"})
    for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
        shown, _ = checks.preprocess(nbformat.read(path, as_version=4), {})
        nbformat.write(shown, path)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.connect("build-finished", _leave_out_the_checks)
    return {"parallel_read_safe": True, "version": "1"}
