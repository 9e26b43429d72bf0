"""One visit of a page answers every check about it."""

from collections import defaultdict

from tests.site.accessibility import bring_axe, forget_judged, obstacles, pale_text, shown
from tests.site.first_view import LARGEST_WEIGHT, own_pictures, weight
from tests.site.visits import LAPTOP, PHONE, Visit, lay_out_everything

SCHEMES = ("light", "dark")


class Examiner:
    """Examines page after page in one tab: a page is loaded once for each width.

    Elements with the same colours by the same style sheets are judged on the first page that has
    them.
    """

    def __init__(self, browser):
        self.visit = Visit(browser.new_page())
        self.judged: set[str] = set()

    def examine(self, address: str) -> dict[str, list[str]]:
        """The problems of a page, one line each, by the check that finds them."""
        visit, page, found = self.visit, self.visit.page, defaultdict(list)

        def report(check: str, problems: list[str], where: object) -> None:
            found[check] += [f"{where}: {problem}" for problem in problems]

        for width in (PHONE, LAPTOP):
            visit.open(address, width)
            report("it opens cleanly", visit.troubles(), width)
            size, files = weight(visit.requested, own_pictures(page))
            heavy = [f"{size:,} bytes in {files} files"] * (size > LARGEST_WEIGHT)
            report("it is light", heavy, width)
        bring_axe(page)
        report("it prints whole", visit.cut_on_paper(), "paper")

        lay_out_everything(page)
        texts = set()
        for width in (LAPTOP, PHONE):
            visit.resize(width)
            texts.add(shown(page))
            report("it fits the screen", visit.overflow(), width)
            frame_alone = width == PHONE and len(texts) == 1
            report("it has no obstacles", obstacles(page, frame_alone), width)

        found["its text stands out"] = []
        if forget_judged(page, self.judged):
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                for width in (PHONE, LAPTOP):
                    visit.resize(width)
                    report("its text stands out", pale_text(page), f"{width}, {scheme}")
        return dict(found)
