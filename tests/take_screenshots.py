"""`make screenshots`: takes the picture of the site that README shows, from the built site."""

from pathlib import Path

from mlflow_lab.browser import chromium

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    page_file = ROOT / "_build" / "html" / "notebooks" / "concepts" / "run.html"
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1366, "height": 768}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.wait_for_load_state("networkidle")
        page.screenshot(path=ROOT / "book" / "images" / "site.png")


if __name__ == "__main__":
    main()
