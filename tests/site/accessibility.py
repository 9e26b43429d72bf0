"""What stands in a reader's way who does not see, or does not use a mouse."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from bs4 import Tag
from playwright.sync_api import Page

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
_COLOUR_RULES = ["color-contrast", "link-in-text-block"]
_LAYOUT_RULES = ["scrollable-region-focusable"]
_EXPERIMENTAL = ["label-content-name-mismatch"]  # of axe-core 4.12, not of 4.14

# The colours of a word of code depend on its classes. One of each is enough: a chapter has ten
# thousand more, with which axe takes ten times as long, and which no other rule looks at.
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
# Those of any element depend on the style sheets, and on what leads to it; on the landing page also
# on its place among its neighbours.
_THIN = """(known) => {
  const judged = new Set(known)
  const needed = new Set()
  const landing = document.body.classList.contains("landing")
  const place = (e) => landing && [...e.parentElement.children].indexOf(e)
  const styles = [...document.querySelectorAll("style")].map((style) => style.textContent).join()
  let sheet = 0
  for (let i = 0; i < styles.length; i++) sheet = (31 * sheet + styles.charCodeAt(i)) | 0
  for (const element of [...document.querySelectorAll("body *")].reverse()) {
    let kind = sheet
    for (let e = element; e !== document.body; e = e.parentElement)
      kind += `<${e.tagName} ${e.className} ${e.getAttribute("style")} ${e.ariaCurrent} ${place(e)}`
    if (judged.has(kind) && !needed.has(element)) {
      element.remove()
    } else {
      judged.add(kind)
      needed.add(element.parentElement)
    }
  }
  return [...judged].slice(known.length)
}"""
_PAGE = {"include": ["html"]}
_SHOWN = """[...document.querySelectorAll("article *")]
  .map((e) => Number(e.checkVisibility({ visibilityProperty: true }))).join("")"""
_RUN = """async ([context, options]) => {
  const { violations } = await axe.run(context, { resultTypes: ["violations"], ...options })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 200)} (${failureSummary.replace(/\\s+/g, " ")})`))
}"""


def load_axe(page: Page) -> None:
    """Load axe-core into the page.

    Changes the page: most coloured words of code are dissolved.
    """
    page.evaluate(_THIN_CODE)
    page.evaluate(Axe().axe_script)


def shown(page: Page) -> str:
    """A digit for each element of the text: whether it is shown at this width."""
    return page.evaluate(_SHOWN)


def violations(page: Page, frame_alone: bool = False) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA and its best practices, but for colours.

    `frame_alone`: of the text, only what depends on its layout, not on what is shown of it.
    """
    rules = {rule: {"enabled": False} for rule in _COLOUR_RULES}
    rules |= {rule: {"enabled": True} for rule in _EXPERIMENTAL}
    options = {"runOnly": _RULES, "rules": rules}
    if not frame_alone:
        return page.evaluate(_RUN, [_PAGE, options])
    layout = {"runOnly": {"type": "rule", "values": _LAYOUT_RULES}}
    return page.evaluate(_RUN, [_PAGE | {"exclude": ["article"]}, options]) + page.evaluate(
        _RUN, [_PAGE, layout]
    )


def remove_judged(page: Page, judged: set[str]) -> bool:
    """Leave of the page one element of each kind of colours that is not among `judged`, and add it.

    Whether there is one.
    """
    fresh = page.evaluate(_THIN, list(judged))
    judged.update(fresh)
    return bool(fresh)


def contrast_violations(page: Page) -> list[str]:
    """What axe-core finds against the colours that the page has now."""
    return page.evaluate(_RUN, [_PAGE, {"runOnly": {"type": "rule", "values": _COLOUR_RULES}}])


def unmarked_english(body: Tag) -> list[str]:
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


def focused_element(page: Page) -> dict:
    """Where the keyboard is: the name of the control, and what a reader could miss of it."""
    return page.evaluate(
        """() => {
          const e = document.activeElement
          const style = getComputedStyle(e)
          const box = e.getBoundingClientRect()
          const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
          const problems = []
          const name = e.getAttribute("aria-label") || e.innerText.trim().slice(0, 60)
          if (!name) problems.push("has no name")
          if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2)
            problems.push("does not show that it has the focus")
          if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || !at ||
              !(e.contains(at) || at.contains(e)))
            problems.push("is not in view")
          return { name, problems, inside: e.closest("header, main, [popover]")?.id || "" }
        }"""
    )


_LISTEN = """(text) => {
  window.announced = null
  const listener = new MutationObserver(() => {
    const said = [...document.querySelectorAll("[role=status]")].map((e) => e.textContent)
    if (said.includes(text)) announced ??= { focus: document.activeElement.className }
  })
  listener.observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


@contextmanager
def announcing(page: Page, text: str) -> Iterator[None]:
    """What is done inside makes the page say `text` to a screen reader, for however short a time.

    Leaves in the page's `announced` the classes of the control that had the focus then.
    """
    page.evaluate(_LISTEN, text)
    yield
    page.wait_for_function("announced")


def wait_until_settled(page: Page, selector: str) -> None:
    """Wait until an element has not moved for 30 frames: what stands above it is laid out."""
    page.evaluate("window.settling = { top: NaN, frames: 0 }")
    page.wait_for_function(
        """(selector) => {
          const top = document.querySelector(selector)?.getBoundingClientRect().top ?? NaN
          settling.frames = top === settling.top ? settling.frames + 1 : 0
          settling.top = top
          return settling.frames >= 30
        }""",
        arg=selector,
    )
