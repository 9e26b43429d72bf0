"""The field of the lists, used by keyboard on a narrow screen, from a folder."""

import pytest

from tests.site.accessibility import announcing

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def open_page(browser, pages):
    opened = []

    def open_it(name, query="", width=360, **options):
        page = browser.new_page(viewport={"width": width, "height": 740}, **options)
        opened.append(page)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(pages[f"book/find/{name}"].as_uri() + query)
        return page

    yield open_it
    for page in opened:
        assert page.problems == []
        page.close()


def left(page) -> list[str]:
    """Targets of the lines that are in sight."""
    lines = page.locator(".find-list > li:visible > p:first-child > a:first-of-type")
    return [href.partition("#")[2] for href in lines.evaluate_all("all => all.map(a => a.href)")]


def status(page) -> str:
    return page.locator(".find-count[role=status]").inner_text()


def test_the_field_is_found_and_left_by_keyboard(open_page):
    page = open_page("by-symptom")
    page.get_by_label("메시지나 증상").focus()
    page.keyboard.type("address already in use")
    hits = left(page)
    assert hits[0] == "setup-error-port" and len(hits) < 5
    assert status(page).endswith(f"가운데 {len(hits)}개")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.hash") == "#setup-error-port"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "find-field"
    page.keyboard.press("Escape")
    assert page.locator("#find-field").input_value() == ""
    assert len(left(page)) == page.locator(".find-list > li").count()
    page.keyboard.type("address already in use")
    page.keyboard.press("Enter")
    page.wait_for_url("**/install_tracking_server.html#setup-error-port")


@pytest.mark.parametrize(
    ("pasted", "target"),
    [
        ("Run with UUID 8e2cc1d4b7f94a6f9d3c is already active. To start a new run, first end the "
         "current run with mlflow.end_run().", "run-error-already-active"),
        ("mlflow.exceptions.RestException: INVALID_PARAMETER_VALUE: Changing param values is not "
         "allowed. Param with key='lr' was already logged with value='0.1' for run "
         "ID='5f0c'. Attempted logging new value '0.2'.", "run-error-param-changed"),
        ("ImportError: cannot import name 'FallbackAsyncAdaptedQueuePool' from 'sqlalchemy.pool' "
         "(/opt/venv/lib/python3.11/site-packages/sqlalchemy/pool/__init__.py)",
         "setup-error-sqlalchemy"),
        ("UI에 런을 기록했는데", "intro-error-uri"),
        ("RUNNING 스팬이 하나도", "trace-error-v1-traces"),
    ],
)  # fmt: skip
def test_a_pasted_line_finds_its_section(open_page, pasted, target):
    page = open_page("by-symptom")
    page.get_by_label("메시지나 증상").fill(pasted)
    found = left(page)
    assert target in found and len(found) <= 8, found


def test_the_best_match_of_a_pasted_line_comes_first(open_page):
    page = open_page("by-symptom")
    as_written = left(page)
    page.get_by_label("메시지나 증상").fill(
        "mlflow.exceptions.MlflowException: API request to http://mlflow/api/2.0/mlflow-artifacts "
        "failed with exception HTTPConnectionPool(host='mlflow', port=80): Max retries exceeded "
        "(Caused by ResponseError('too many 504 error responses'))"
    )
    lines = page.locator(".find-list > li:visible").all_inner_texts()
    assert len(lines) > 1 and "504" in lines[0], lines
    page.get_by_label("메시지나 증상").fill("")
    assert left(page) == as_written


def test_a_message_shows_when_the_word_is_only_in_it(open_page):
    page = open_page("by-symptom")
    page.get_by_label("메시지나 증상").fill("To start a new run, first end")
    shown = page.locator(".find-message:visible")
    assert "first end the current run" in shown.first.inner_text()


def test_nothing_found_is_said_and_groups_vanish(open_page):
    page = open_page("by-task")
    page.get_by_label("할 일이나 API 이름").fill("qwertyuiop")
    assert left(page) == [] and status(page).startswith("맞는 줄이 없다")
    assert page.locator(".find-group:visible").count() == 0


def test_an_address_may_hold_the_words(open_page):
    page = open_page("by-task", "?find=set_tag")
    assert page.get_by_label("할 일이나 API 이름").input_value() == "set_tag"
    assert "run-tags" in left(page)


def test_names_of_the_index_are_filtered(open_page):
    page = open_page("api-index")
    page.get_by_label("이름", exact=True).fill("http_request_max")
    lines = page.locator(".api-list > li:visible")
    assert lines.evaluate_all("all => all.map(li => li.id)") == ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]


def test_without_javascript_the_lists_are_whole_and_no_field_is_shown(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["book/find/by-symptom"].as_uri())
    assert page.locator("#find-field").is_hidden()
    assert page.locator(".find-list > li").last.is_visible()
    context.close()


def test_the_copy_button_copies_plain_code(browser, pages):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(pages["notebooks/concepts/run"].as_uri())
    cell = page.locator(".cell_input", has=page.locator("a", has_text="log_params")).first
    code = cell.locator("pre").text_content().strip()
    cell.hover()
    with announcing(page, "복사했다"):
        cell.get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()").strip() == code
    context.close()
