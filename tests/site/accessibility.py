"""What stands in a reader's way who does not see, or does not use a mouse."""

import re
from pathlib import Path

from bs4 import BeautifulSoup

from tests.site.visits import lay_out_everything

_AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_COLOUR_RULES = ["color-contrast", "link-in-text-block"]

# Colours depend on the tags and classes that lead to an element. One element of each kind is
# enough; a chapter has ten thousand more, with which axe takes ten times as long. First the words
# of code, which no other rule looks at, then everything.
_THIN_CODE = """() => {
  const seen = new Set()
  for (const word of document.querySelectorAll("code > .pre")) word.replaceWith(...word.childNodes)
  for (const token of document.querySelectorAll(".highlight pre span")) {
    const box = token.closest(".output, .cell_input, .highlight")
    const kind = `${token.className}|${box.className}`
    if (seen.has(kind)) token.replaceWith(...token.childNodes)
    else seen.add(kind)
  }
  document.querySelectorAll(".highlight pre").forEach((pre) => pre.normalize())
}"""
_THIN = """() => {
  const seen = new Set()
  for (const element of [...document.querySelectorAll("article *")].reverse()) {
    const inside = new Set([...element.querySelectorAll("*")].map((e) => e.tagName + e.className))
    let kind = [...inside].sort().join()
    for (let e = element; e.tagName !== "ARTICLE"; e = e.parentElement)
      kind += `<${e.tagName} ${e.className} ${e.getAttribute("style")}`
    if (seen.has(kind)) element.remove()
    else seen.add(kind)
  }
}"""
_RUN = """async (options) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 200)} (${failureSummary.replace(/\\s+/g, " ")})`))
}"""


def obstacles(page) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA and its best practices, but for colours.

    Changes the page: most coloured words of code are dissolved.
    """
    _bring_axe(page)
    others = {rule: {"enabled": False} for rule in _COLOUR_RULES}
    return page.evaluate(_RUN, {"runOnly": _RULES, "rules": others})


def pale_text(page, scheme: str) -> list[str]:
    """What axe-core finds against the colours of a scheme.

    Changes the page: one element of each kind is left, so that `obstacles` finds little afterwards.
    """
    _bring_axe(page)
    page.emulate_media(color_scheme=scheme)
    page.evaluate(_THIN)
    return page.evaluate(_RUN, {"runOnly": {"type": "rule", "values": _COLOUR_RULES}})


def _bring_axe(page) -> None:
    """Load axe-core into the page, unless it is there already."""
    if page.evaluate("typeof axe") == "undefined":
        lay_out_everything(page)
        page.evaluate(_THIN_CODE)
        page.add_script_tag(path=_AXE)


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
