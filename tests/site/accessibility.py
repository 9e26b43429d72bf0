"""What stands in a reader's way who does not see, or does not use a mouse."""

import re
from pathlib import Path

from bs4 import BeautifulSoup

from tests.site.visits import lay_out_everything

_AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_RULES = {
    "light": {"type": "tag", "values": _TAGS},
    # The other rules cannot see a difference.
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}

# Contrast of a token of code depends on its class and the kind of box it stands in. One of each is
# enough; a chapter has 8,000 more, with which axe takes ten times as long.
_THIN = """() => {
  const seen = new Set()
  for (const word of document.querySelectorAll("code > .pre")) word.replaceWith(...word.childNodes)
  for (const token of document.querySelectorAll(".highlight pre span")) {
    const box = token.closest(".output, .cell_input, .highlight")
    const key = `${token.className}|${box.className}`
    if (seen.has(key)) token.replaceWith(...token.childNodes)
    else seen.add(key)
  }
  document.querySelectorAll(".highlight pre").forEach((pre) => pre.normalize())
}"""
_RUN = """async (rules) => {
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 200)} (${failureSummary.replace(/\\s+/g, " ")})`))
}"""


def violations(page, scheme: str) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA and its best practices; dark, against contrast.

    Changes the page: most coloured spans of code are dissolved.
    """
    page.emulate_media(color_scheme=scheme)
    if not page.evaluate("'axe' in window"):
        lay_out_everything(page)
        page.evaluate(_THIN)
        page.add_script_tag(path=_AXE)
    return page.evaluate(_RUN, _RULES[scheme])


def unmarked_english(body: BeautifulSoup) -> list[str]:
    """Texts in English that a screen reader would read out as Korean."""
    found = []
    for element in body.find_all(["p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "a"]):
        if element.find_parent(class_=["cell", "highlight", "headerlink"]):
            continue
        if element.get("lang") or element.find_parent(lang="en") or element.find(lang="en"):
            continue
        text = " ".join(s for s in element.find_all(string=True) if not s.find_parent("code"))
        if (
            not re.search("[가-힣]", element.get_text())
            and len(re.findall(r"\b[A-Za-z]{2,}\b", text)) >= 2
        ):
            found.append(f"English without lang: {text.strip()[:60]}")
    return found


def stop(page) -> dict:
    """Where the keyboard is: the name of the control, and what a reader could miss of it."""
    return page.evaluate(
        """() => {
          const e = document.activeElement
          const style = getComputedStyle(e)
          const box = e.getBoundingClientRect()
          const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
          const problems = []
          const name = e.getAttribute("aria-label") || e.textContent.trim().slice(0, 60)
          if (!name) problems.push("has no name")
          if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2)
            problems.push("does not show that it has the focus")
          if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || !at ||
              !(e.contains(at) || at.contains(e)))
            problems.push("is not in view")
          return { name, problems, inside: e.closest("header, main, [popover]")?.id || "" }
        }"""
    )
