"""Beside a page its headings are listed in short."""

import pytest
from page_contents import shortened


@pytest.mark.parametrize(
    ("title", "listed"),
    [
        ("버킷 만들기: create_bucket", "버킷 만들기"),
        (
            '<code class="x">log_batch</code>로 보내기: 한 번에',
            '<code class="x">log_<wbr>batch</code>로 보내기',
        ),
        ("오류: <code>a: b</code>", "오류"),
        ("<code>한글: b</code>", "<code>한글: b</code>"),
        ("<code>Error: no such file</code>", "<code>Error: no such file</code>"),
        ("<code>MLFLOW_TRACKING_URI</code>", "<code>MLFLOW_<wbr>TRACKING_<wbr>URI</code>"),
        ("표 하나", "표 하나"),
        ("준비: 서버 둘, proxy()", "준비: 서버 둘, proxy()"),
    ],
)
def test_a_heading_is_listed_as_its_task(title, listed):
    assert (
        shortened(f'<li><a href="#a_b">{title}</a></li>') == f'<li><a href="#a_b">{listed}</a></li>'
    )
