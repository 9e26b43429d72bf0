"""One visit of a page answers every check about it."""

from collections import defaultdict

from playwright.sync_api import Browser

from tests.site.accessibility import contrast_violations, load_axe, remove_judged, shown, violations
from tests.site.first_view import LARGEST_WEIGHT, own_pictures, weight
from tests.site.visits import LAPTOP, PHONE, ColourScheme, NoFrames, Visit, lay_out_everything

SCHEMES: tuple[ColourScheme, ...] = ("light", "dark")


class Examiner:
    """Examines page after page in one tab: a page is loaded once for each width.

    Elements with the same colours by the same style sheets are judged on the first page that has
    them.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.visit = Visit(browser.new_page())
        self.judged: set[str] = set()

    def examine(self, address: str) -> dict[str, list[str]]:
        """The problems of a page, one line each, by the check that finds them."""
        judged = set(self.judged)
        try:
            return self._examine(address)
        except NoFrames:  # rare; in a new tab there are frames again
            self.visit.page.close()
            self.visit, self.judged = Visit(self.browser.new_page()), judged
            return self._examine(address)

    def _examine(self, address: str) -> dict[str, list[str]]:
        visit, page = self.visit, self.visit.page
        found: dict[str, list[str]] = defaultdict(list)

        def report(check: str, problems: list[str], where: object) -> None:
            found[check] += [f"{where}: {problem}" for problem in problems]

        for width in (PHONE, LAPTOP):
            visit.open(address, width)
            report("it opens cleanly", visit.problems(), width)
            size, files = weight(visit.requested, own_pictures(page))
            heavy = [f"{size:,} bytes in {files} files"] * (size > LARGEST_WEIGHT)
            report("it is light", heavy, width)
        load_axe(page)
        report("it prints whole", visit.print_problems(), "paper")

        lay_out_everything(page)
        texts = set()
        for width in (LAPTOP, PHONE):
            visit.resize(width)
            texts.add(shown(page))
            report("it fits the screen", visit.overflow(), width)
            frame_alone = width == PHONE and len(texts) == 1
            report("it is accessible", violations(page, frame_alone), width)

        found["it has contrast"] = []
        if remove_judged(page, self.judged):
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                for width in (PHONE, LAPTOP):
                    visit.resize(width)
                    report("it has contrast", contrast_violations(page), f"{width}, {scheme}")
        return dict(found)
