"""Every internal link and anchor of the built site is alive."""

import pytest

from tests.site.links import dead_links


def test_no_link_of_the_site_is_dead(site):
    assert dead_links(site) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "page.html: gone.html: no such file"),
        ('<a href="#gone">x</a>', "page.html: #gone: no such anchor"),
        ('<a href="other.html#gone">x</a>', "page.html: other.html#gone: no such anchor"),
        ('<img src="gone.png" alt="x">', "page.html: gone.png: no such file"),
    ],
)
def test_a_dead_link_is_found(tmp_path, body, problem):
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>')
    alive = '<a href="other.html#here">x</a><a href="https://example.com/gone">x</a>'
    (tmp_path / "page.html").write_text(alive + body)
    assert dead_links(tmp_path) == [problem]
