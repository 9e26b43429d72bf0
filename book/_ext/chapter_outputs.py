"""Sphinx extension: pages take their outputs from the execution cache, and nothing is executed.

myst-nb executes a notebook that its cache does not hold. Here that is a warning, which fails the
build (`--warningiserror`) but takes no other page away: the one execution of a chapter is its
test, so a page without a tested output shows its text and code, and says why in a box. A preview
(book/preview.py) names the chapters for which it is a warning in `chapters_with_outputs`.
"""

import json
import re
from datetime import datetime
from pathlib import Path

from execution_cache import ExecutionCache
from nbformat.v4 import new_markdown_cell
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

logger = logging.getLogger(__name__)

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FAILED = """\
:::{{admonition}} 실행에 실패한 장
:class: error
이 장은 실행이나 검사를 통과하지 못해 출력이 없다. 멈춘 까닭은 다음과 같다.

````text
{reason}
````
:::"""
_NOT_EXECUTED = """\
:::{{admonition}} 실행하지 않은 장
:class: warning
지금의 코드로 아직 실행하지 않아 출력이 없다. 이 장만 실행하는 명령은 `make page NAME={name}` 이다.
:::"""


class _Environment(BuildEnvironment):
    """Sphinx's, with what this extension keeps in it."""

    outputs_shown: dict[str, tuple[datetime | None, str | None]]


def _use_cache(app: Sphinx, config: Config) -> None:
    config.nb_execution_cache_path = str(ExecutionCache(Path(app.srcdir)).folder)


def _find_outputs(app: Sphinx, env: _Environment, *_: object) -> list[str]:
    """Name the pages to read again because their chapter was executed again, or failed.

    `env.outputs_shown` has of each chapter when it was executed, and if it was not, why it failed.
    """
    cache = ExecutionCache(Path(app.srcdir))
    shown: dict[str, tuple[datetime | None, str | None]] = {}
    for doc in sorted(env.found_docs):
        path = Path(env.doc2path(doc))
        if path.suffix == ".ipynb":
            when = cache.executed_at(path)
            shown[doc] = when, None if when else cache.failure(path)
    required = app.config.chapters_with_outputs
    for doc, (when, reason) in shown.items():
        if not when and (required is None or doc in required):
            why = "it failed" if reason else "execute it first: pytest --nbmake notebooks"
            logger.warning("no fresh outputs for %s: %s", doc, why)
    known, env.outputs_shown = getattr(env, "outputs_shown", {}), shown
    return [doc for doc in shown if doc in known and known[doc] != shown[doc]]


def _say_why_there_are_none(app: Sphinx, doc: str, source: list[str]) -> None:
    """Put a box below the title of a chapter without outputs, and keep it from being executed."""
    when, reason = getattr(app.env, "outputs_shown", {}).get(doc, (True, None))
    if when:
        return
    notebook = json.loads(source[0])
    reason = _ANSI.sub("", reason or "").replace(f"{app.srcdir}/", "").strip()
    box = _FAILED if reason else _NOT_EXECUTED
    box = box.format(reason=reason, name=doc.removeprefix("notebooks/"))
    notebook["cells"].insert(1, new_markdown_cell(box))
    notebook["metadata"]["mystnb"] = {"execution_mode": "off"}
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_config_value("chapters_with_outputs", None, "", [list])  # None: all
    app.connect("config-inited", _use_cache)
    app.connect("env-get-outdated", _find_outputs)
    app.connect("source-read", _say_why_there_are_none)
    return {"parallel_read_safe": True, "version": "1"}
