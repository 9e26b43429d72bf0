// What the frame of a page does beyond HTML: brightness, copying, the place in the page, printing.
// Loaded with `defer`; every page is complete without it.

;(() => {
  const root = document.documentElement

  // Brightness: automatic, light, dark. The page's head has applied the stored choice already.
  const MODES = { auto: "자동", light: "밝게", dark: "어둡게" }
  const prefersDark = matchMedia("(prefers-color-scheme: dark)")
  const themeSwitch = document.querySelector(".theme-switch-button")

  function showMode() {
    const { mode } = root.dataset
    root.dataset.theme = mode === "auto" ? (prefersDark.matches ? "dark" : "light") : mode
    const label = `화면 밝기: ${MODES[mode]}. 눌러서 바꾸기`
    themeSwitch?.setAttribute("aria-label", label)
    themeSwitch?.setAttribute("title", label)
  }

  themeSwitch?.addEventListener("click", () => {
    const modes = Object.keys(MODES)
    root.dataset.mode = modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length]
    try {
      localStorage.setItem("mode", root.dataset.mode)
    } catch {
      // Storage is closed to pages in some folders: the choice then lasts for this page.
    }
    showMode()
  })
  prefersDark.addEventListener("change", showMode)
  showMode()

  // Copying. The prompt before a command and the output after it are not part of the command.
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text)
    // Over http from another machine, as in a company's network, browsers hide the clipboard.
    const field = document.body.appendChild(document.createElement("textarea"))
    field.value = text
    field.select()
    document.execCommand("copy")
    field.remove()
  }

  const COPY = "코드 복사"
  const copyButton = document.createElement("button")
  copyButton.type = "button"
  copyButton.className = "copy"
  copyButton.title = COPY
  copyButton.setAttribute("aria-label", COPY)
  copyButton.innerHTML =
    '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">' +
    '<path d="M9 9h10v11H9zM15 9V4H5v11h4"/><path d="M5 12.500l4.500 4.500L19 7.500"/></svg>'

  for (const block of document.querySelectorAll(".bd-article .highlight")) {
    block.append(copyButton.cloneNode(true))
  }

  const announcement = document.body.appendChild(document.createElement("p"))
  announcement.className = "visually-hidden"
  announcement.setAttribute("role", "status")

  function codeOf(block) {
    const code = block.querySelector("pre").cloneNode(true)
    code.querySelectorAll(".gp, .go, .linenos").forEach((part) => part.remove())
    return code.textContent.trimEnd()
  }

  // A section and what has to run before it, as one cell: the set-up of the chapter, the sections
  // that its line names, and those that they name. tests/sections runs the same.
  function codeWithNeeds(section) {
    const wanted = new Set([document.querySelector(".bd-article section"), section])
    for (const each of wanted) {
      for (const link of each.querySelectorAll(":scope > .needs a")) {
        wanted.add(document.getElementById(link.hash.slice(1)).closest("section"))
      }
    }
    return [...document.querySelectorAll(".bd-article .cell:has(.cell_input)")]
      .filter((cell) => {
        const place = cell.closest("section")
        return wanted.has(place) && (place === section || !cell.matches(".tag_raises-exception"))
      })
      .map((cell) => inOneCell(codeOf(cell.querySelector(".cell_input"))))
      .join("\n\n")
  }

  // A magic of a whole cell has to be its first line: among others it is called.
  function inOneCell(code) {
    const [, name, line, body] = code.match(/^%%(\w+) ?(.*)\n([^]*)$/) ?? []
    if (!name) return code
    const called = [name, line, `${body}\n`].map((text) => JSON.stringify(text)).join(", ")
    return `get_ipython().run_cell_magic(${called})`
  }

  for (const needs of document.querySelectorAll(".needs")) {
    const button = needs.appendChild(document.createElement("button"))
    button.type = "button"
    button.className = "copy-all"
    button.textContent = "필요한 코드까지 복사"
  }

  document.addEventListener("click", async ({ target }) => {
    const button = target.closest(".copy, .copy-all")
    if (!button) return
    const all = button.matches(".copy-all")
    await copy(all ? codeWithNeeds(button.closest("section")) : codeOf(button.parentElement))
    button.focus()
    button.classList.add("copied")
    announcement.textContent = "복사했다"
    setTimeout(() => {
      button.classList.remove("copied")
      announcement.textContent = ""
    }, 2000)
  })

  // What scrolls sideways or down in itself must scroll by the keyboard too, and shows that it goes
  // on beyond its edge.
  const SCROLLERS = ".highlight pre, .wide-table, .cell_output > .text_html"
  const showEdge = ({ target }) => {
    const hidden = target.scrollWidth - target.clientWidth - target.scrollLeft
    target.classList.toggle("goes-on", hidden > 1)
  }
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls =
        target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight + 1
      target.toggleAttribute("tabindex", scrolls)
      if (scrolls) target.tabIndex = 0
      showEdge({ target })
    }
  })
  for (const element of document.querySelectorAll(SCROLLERS)) {
    resized.observe(element)
    element.addEventListener("scroll", showEdge, { passive: true })
  }

  // The old address of a section leads to where the section is now; book/moved.yml.
  const moved = JSON.parse(document.getElementById("moved-sections")?.textContent ?? "{}")
  function followTheSection() {
    const place = moved[decodeURIComponent(location.hash.slice(1))]
    if (place) location.replace(place)
  }
  addEventListener("hashchange", followTheSection)
  followTheSection()

  // Contents of the page: where the reader is.
  const places = new Map()
  for (const link of document.querySelectorAll(".bd-toc a")) {
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)))
    if (section) places.set(section, link)
  }
  const LINE = 120 // pixels from the top; what has its heading above it has begun
  function showPlace() {
    const passed = [...places.keys()].filter(
      // A part of a section that is not laid out is far away; measuring it would lay it out.
      (section) =>
        section.checkVisibility?.({ contentVisibilityAuto: true }) !== false &&
        section.getBoundingClientRect().top < LINE,
    )
    const current = places.get(passed.pop())
    for (const link of places.values()) link.removeAttribute("aria-current")
    if (!current) return
    current.setAttribute("aria-current", "location")
    const panel = current.closest(".bd-toc")
    panel.scrollTop = current.offsetTop - panel.clientHeight / 2
  }
  // Everything above the line counts as in view, so that each crossing is reported.
  const rootMargin = `1000000px 0px ${LINE - innerHeight}px 0px`
  const seen = new IntersectionObserver(showPlace, { rootMargin })
  places.forEach((_, section) => seen.observe(section))

  // The side bar shows the chapter that is open.
  const sideBar = document.querySelector(".bd-sidebar-primary")
  const chapter = sideBar?.querySelector("[aria-current]")
  if (chapter) sideBar.scrollTop = chapter.offsetTop - sideBar.clientHeight / 2

  // A menu closes when its link leads to a place on the same page, or when the window becomes wide.
  for (const menu of document.querySelectorAll("[popover]")) {
    const close = () => menu.matches(":popover-open") && menu.hidePopover()
    menu.addEventListener("click", ({ target }) => target.closest("a") && close())
    for (const width of ["62rem", "80rem"]) {
      matchMedia(`(min-width: ${width})`).addEventListener("change", close)
    }
  }

  // Printed on white paper, with everything unfolded.
  addEventListener("beforeprint", () => {
    root.dataset.theme = "light"
    document.querySelectorAll("details").forEach((details) => (details.open = true))
  })
  addEventListener("afterprint", showMode)
})()
