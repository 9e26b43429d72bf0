"""The way through a page by the keyboard alone."""

import pytest

from tests.site.accessibility import announcing, focused_element, wait_until_settled
from tests.site.visits import visit

pytestmark = pytest.mark.xdist_group("browser-360")
CHAPTER = "notebooks/concepts/run"
SET_UP = "준비 셀: 트래킹 URI, 새 실험, 작업 폴더"
COPY, COPIED = "코드 복사", "복사했다"


@pytest.fixture
def laptop(browser, pages):
    with visit(browser, pages[CHAPTER].as_uri(), 1366) as visited:
        visited.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield visited.page


@pytest.fixture
def phone(browser, pages):
    with visit(browser, pages[CHAPTER].as_uri(), 360) as visited:
        yield visited.page


def walk(page, until: str, limit: int = 200) -> list[dict]:
    """Press Tab until the control with this name has the focus. Returns all stops."""
    stops: list[dict] = []
    while len(stops) < limit and (not stops or stops[-1]["name"] != until):
        page.keyboard.press("Tab")
        stops.append(focused_element(page))
    assert stops[-1]["name"] == until, f"{until} is not reached: {[s['name'] for s in stops]}"
    return stops


def test_the_first_stop_leads_past_the_side_bar(laptop):
    laptop.keyboard.press("Tab")
    assert focused_element(laptop) == {"name": "본문으로 건너뛰기", "problems": [], "inside": ""}
    laptop.keyboard.press("Enter")
    laptop.keyboard.press("Tab")
    assert focused_element(laptop)["inside"] == "main-content"


def test_every_stop_is_seen_on_the_way_to_the_first_code(laptop, pages):
    stops = walk(laptop, SET_UP)
    laptop.keyboard.press("Enter")  # unfolds it
    stops += walk(laptop, COPY)
    assert [s for s in stops if s["problems"]] == []
    in_side_bar = [s for s in stops if s["inside"] == "book-contents"]
    assert len(in_side_bar) == len(pages) - 1  # the landing page is the title in the bar above
    with announcing(laptop, COPIED):
        laptop.keyboard.press("Enter")
    copied = laptop.evaluate("navigator.clipboard.readText()")
    assert copied == laptop.locator(".cell_input pre").first.inner_text().rstrip()


def test_a_command_is_copied_without_prompt_and_output(laptop):
    laptop.get_by_text(SET_UP).click()
    laptop.evaluate(
        "document.querySelector('.highlight pre').innerHTML ="
        " '<span class=gp>$ </span>mlflow ui\\n<span class=go>started</span>'"
    )
    with announcing(laptop, COPIED):
        laptop.locator(".copy").first.press("Enter")
    assert laptop.evaluate("navigator.clipboard.readText()") == "mlflow ui"


def test_code_is_copied_where_browsers_hide_the_clipboard(laptop):
    laptop.get_by_text(SET_UP).click()
    # As on a page that a company serves over http.
    laptop.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    with announcing(laptop, COPIED):
        laptop.locator(".copy").first.press("Enter")
    laptop.evaluate("delete navigator.clipboard")
    assert laptop.evaluate("announced.focus") == "copy copied"


@pytest.mark.parametrize(
    ("button", "menu"), [("책의 목차", "book-contents"), ("이 페이지의 목차", "page-contents")]
)
def test_a_menu_of_the_phone_opens_and_closes(phone, button, menu):
    stops = walk(phone, button)
    assert [s for s in stops if s["problems"]] == []
    phone.keyboard.press("Enter")
    phone.keyboard.press("Tab")
    assert focused_element(phone) | {"name": ""} == {"name": "", "problems": [], "inside": menu}
    phone.keyboard.press("Escape")
    assert not phone.locator(f"#{menu}").is_visible()
    assert focused_element(phone)["name"] == button


def test_the_menu_of_the_page_closes_when_a_section_is_chosen(phone):
    phone.get_by_role("button", name="이 페이지의 목차").click()
    phone.locator("#page-contents a").nth(3).click()
    assert not phone.locator("#page-contents").is_visible()
    wait_until_settled(phone, ":target")
    top = phone.evaluate("document.querySelector(':target').getBoundingClientRect().top")
    assert 0 < top < 150  # below the bar, which stays


def test_all_above_a_chosen_section_is_laid_out_before_the_page_scrolls(phone):
    # Or the section would move when real heights take the place of estimates: where two of them
    # change at once, Chromium makes up for one alone.
    above, left_out = (
        phone.locator("#page-contents a")
        .nth(3)
        .evaluate(
            """(link) => {
          link.click()
          const above = [...document.querySelectorAll("section:has(~ :target) > h2")]
          const laidOut = (e) => e.checkVisibility({ contentVisibilityAuto: true })
          return [above.length, above.filter((e) => !laidOut(e)).length]
        }"""
        )
    )
    assert (above, left_out) == (3, 0)


def test_the_contents_show_where_the_reader_is(laptop):
    link = laptop.locator("#page-contents a").nth(2)
    link.click()
    link.and_(laptop.locator("[aria-current=location]")).wait_for()
    assert laptop.locator("#page-contents [aria-current]").count() == 1
    assert laptop.locator("#book-contents [aria-current=page]").inner_text() == "Run"


def test_a_link_into_the_middle_of_a_chapter_arrives_there(browser, pages):
    with visit(browser, pages[CHAPTER].as_uri() + "#run-errors", 1366) as visited:
        wait_until_settled(visited.page, ":target h2")
        top = visited.page.evaluate(
            "document.querySelector(':target h2').getBoundingClientRect().top"
        )
        assert 50 < top < 150
        assert "자주" in visited.page.locator("#page-contents [aria-current]").first.inner_text()


def test_brightness_is_chosen_by_hand_and_kept(laptop):
    brightness = laptop.locator(".theme-switch-button")
    for mode, theme in (("밝게", "light"), ("어둡게", "dark")):
        brightness.press("Enter")
        assert mode in brightness.get_attribute("aria-label")
        assert laptop.locator("html").get_attribute("data-theme") == theme
    laptop.reload()
    assert laptop.locator("html").get_attribute("data-theme") == "dark"
    brightness.press("Enter")
    assert "자동" in brightness.get_attribute("aria-label")
    laptop.emulate_media(color_scheme="dark")
    laptop.locator("html[data-mode=auto][data-theme=dark]").wait_for()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<button></button>", "has no name"),
        ('<button style="outline: none">x</button>', "does not show that it has the focus"),
        ('<button style="opacity: 0">x</button>', "is not in view"),
        (
            '<button>x</button><p style="position: fixed; inset: 0">over it</p>',
            "is not in view",
        ),
    ],
)
def test_a_bad_stop_is_found(browser, tmp_path, body, problem):
    (tmp_path / "page.html").write_text(f"<style>:focus {{ outline: 2px solid }}</style>{body}")
    with visit(browser, (tmp_path / "page.html").as_uri(), 360) as visited:
        visited.page.keyboard.press("Tab")
        assert focused_element(visited.page)["problems"] == [problem]
