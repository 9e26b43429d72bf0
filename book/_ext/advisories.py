"""Sphinx extension: shows book/find/advisories.yml, which the tests of env/server read as well.

    ```{advisories} affected
    ```

Without a link a reader could not check the claim, so each record leads to the NVD.
"""

from collections import Counter
from pathlib import Path

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

FILE = Path("book", "find", "advisories.yml")
RECORD = "https://nvd.nist.gov/vuln/detail/"
BEHIND = {"closed": "막힘", "open": "열림", "untried": "모름", "client": "클라이언트"}
ROW = "| {} |"


def affected(data: dict) -> list[str]:
    """The advisories that concern 3.6.0, as lines of a Markdown table."""
    lines = ["| 권고 | 무엇을 할 수 있고, 누구의 문제인가 | 고친 버전 | `env/server` 뒤에서 |"]
    lines.append("|---|---|---|---|")
    for record in data["affected"]:
        state = BEHIND[record["behind"]] + ("" if record.get("shown") else " (테스트 없음)")
        cells = (
            _name(record),
            "<br>".join(
                filter(None, (f"**{record['what']}**", record["needs"], record.get("note")))
            ),
            record["fixed"],
            f"**{state}.** {record['how']}",
        )
        lines.append(ROW.format(" | ".join(cells)))
    return lines


def not_in_it(data: dict) -> list[str]:
    """The advisories about what 3.6.0 does not have, as lines of a Markdown table."""
    lines = ["| 권고 | 무엇 | 이 기능이 생긴 버전 |", "|---|---|---|"]
    for record in data["not_in_it"]:
        lines.append(ROW.format(" | ".join((_name(record), record["what"], record["since"]))))
    return lines


def counts(data: dict) -> list[str]:
    """One sentence: how many, how many of them closed, open, on the client, and as of when."""
    states = Counter(record["behind"] for record in data["affected"])
    parts = (
        f"{data['checked']:%Y년 %m월 %d일} 기준으로 범위에 3.6.0이 드는 권고",
        f"{states.total()}건 가운데 `env/server` 뒤에서 막히는 것이 {states['closed']}건,",
        f"로그인한 사용자에게 열려 있는 것이 {states['open']}건,",
        f"클라이언트의 문제가 {states['client']}건, 재지 못한 것이 {states['untried']}건이다.",
    )
    return [" ".join(parts)]


def _name(record: dict) -> str:
    links = [f"[{record['id']}]({RECORD}{record['id']})", *record.get("aliases", [])]
    return "<br>".join(links)


class Advisories(SphinxDirective):
    """`affected`, `not_in_it` or `counts`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / FILE
        self.env.note_dependency(str(path))
        part = {"affected": affected, "not_in_it": not_in_it, "counts": counts}[self.arguments[0]]
        container = nodes.Element()
        lines = part(yaml.safe_load(path.read_text()))
        self.state.nested_parse(StringList(lines, str(path)), 0, container)
        for table in container.findall(nodes.table):
            table["classes"].append("advisories")
        return container.children


def setup(app: Sphinx) -> ExtensionMetadata:
    app.add_directive("advisories", Advisories)
    return {"parallel_read_safe": True, "version": "1"}
