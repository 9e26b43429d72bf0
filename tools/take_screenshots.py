"""`make screenshots`: takes the pictures of the site that README shows, from the built site."""

from pathlib import Path

from mlflow_lab.browser import chromium

ROOT = Path(__file__).resolve().parents[1]
PICTURES = {"landing.png": "book/index", "site.png": "notebooks/concepts/run"}


def main() -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1366, "height": 768}, color_scheme="light")
        for picture, name in PICTURES.items():
            page.goto((ROOT / "_build" / "html" / f"{name}.html").as_uri())
            page.wait_for_load_state("networkidle")
            page.screenshot(path=ROOT / "book" / "images" / picture)


if __name__ == "__main__":
    main()
