"""An old address of a section leads to the section."""

import json
from urllib.parse import urldefrag

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.conftest import ROOT
from tests.site.visits import LAPTOP, in_browser, visit

MOVED = yaml.safe_load((ROOT / "book" / "moved.yml").read_text())


@pytest.mark.parametrize("document", MOVED)
def test_each_old_address_is_on_its_page_and_leads_to_a_section(pages, document):
    page = pages[document]
    soup = BeautifulSoup(page.read_text(), "html.parser")
    (listed,) = soup.select("#moved-sections")
    leads = json.loads(listed.text)
    assert leads.keys() == MOVED[document].keys()
    for old, place in leads.items():
        assert soup.find(id=old) is None
        address, label = urldefrag(place)
        assert label == MOVED[document][old]
        target = page.parent / address if address else page
        assert f'id="{label}"' in target.read_text()


@in_browser(LAPTOP)
def test_the_browser_arrives(browser, pages):
    document, sections = next(iter(MOVED.items()))
    old, new = next(iter(sections.items()))
    with visit(browser, f"{pages[document].as_uri()}#{old}", LAPTOP) as visited:
        arrived = f"location.hash === '#{new}' && document.querySelector(':target') !== null"
        visited.page.wait_for_function(arrived)
        visited.page.evaluate("location.hash = ''")
        visited.page.evaluate(f"location.hash = '{old}'")
        visited.page.wait_for_function(arrived)
        assert visited.errors == []
