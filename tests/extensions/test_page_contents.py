"""Beside a page its headings are listed in short."""

import pytest
from docutils import nodes
from page_contents import shortened


def code(text: str) -> nodes.literal:
    return nodes.literal(text=text)


@pytest.mark.parametrize(
    ("title", "listed"),
    [
        (["버킷 만들기: create_bucket"], "버킷 만들기"),
        ([code("log_batch"), "로 보내기: 한 번에"], "`log_|batch`로 보내기"),
        (["오류: ", code("a: b")], "오류"),
        (["오류 ", code("a"), ": ", code("b")], "오류 `a`"),
        ([code("한글: b")], "`한글: b`"),
        ([code("Error: no such file")], "`Error: no such file`"),
        ([code("MLFLOW_TRACKING_URI")], "`MLFLOW_|TRACKING_|URI`"),
        (["표 하나"], "표 하나"),
        (["준비: 서버 둘, proxy()"], "준비: 서버 둘, proxy()"),
    ],
)
def test_a_heading_is_listed_as_its_task(title, listed):
    """Code is written between backticks here, and a place to break the line as a bar."""
    heading = nodes.reference()
    heading += [nodes.Text(part) if isinstance(part, str) else part for part in title]
    assert "".join(map(written, shortened(heading))) == listed


def written(node: nodes.Node) -> str:
    if isinstance(node, nodes.raw):
        assert node.astext() == "<wbr>"
        return "|"
    if isinstance(node, nodes.literal):
        return f"`{''.join(map(written, node.children))}`"
    return node.astext()
