"""Sphinx extension: pages take their outputs from the execution cache, and nothing is executed.

myst-nb executes a notebook that its cache does not hold. Here that is an error: the one execution
of a chapter is its test, so a page without a tested output must not be built.
"""

from pathlib import Path

from execution_cache import ExecutionCache
from sphinx.errors import ExtensionError


def _use_cache(app, config):
    config.nb_execution_cache_path = str(ExecutionCache(Path(app.srcdir)).folder)


def _require_outputs(app, env, added, changed, removed):
    """Name the pages to read again because their chapter was executed again.

    Raises ExtensionError listing every chapter without a fresh execution.
    """
    cache = ExecutionCache(Path(app.srcdir))
    known = getattr(env, "chapter_executions", {})
    chapters = [doc for doc in env.found_docs if env.doc2path(doc).endswith(".ipynb")]
    executions = {doc: cache.executed_at(Path(env.doc2path(doc))) for doc in chapters}
    missing = sorted(doc for doc, when in executions.items() if when is None)
    if missing:
        raise ExtensionError(
            "no fresh outputs for: " + ", ".join(missing) + "\n"
            "Execute them first: pytest --nbmake notebooks"
        )
    env.chapter_executions = executions
    return [doc for doc, when in executions.items() if doc in known and known[doc] != when]


def setup(app):
    app.connect("config-inited", _use_cache)
    app.connect("env-get-outdated", _require_outputs)
    return {"parallel_read_safe": True, "version": "1"}
