/* Opens the search: Ctrl+K, Cmd+K, / or a link with data-search-open. Everything else of it is loaded
   then, as scripts and a style sheet beside this file, so that it works from a folder too. */
(() => {
  "use strict";

  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  let loading;

  function add(tag, properties) {
    return new Promise((resolve, reject) => {
      const element = Object.assign(document.createElement(tag), properties);
      element.onload = resolve;
      element.onerror = () => reject(new Error(`cannot load ${element.src ?? element.href}`));
      document.head.append(element);
    });
  }

  const script = (name) => add("script", { src: folder + name, async: false });

  function load() {
    globalThis.handbookSearch ??= { root: new URL("../../", folder).href };
    const dialog = [add("link", { rel: "stylesheet", href: `${folder}dialog.css` }), script("dialog.js")];
    const engine = Promise.all(["words.js", "engine.js", "index.js"].map(script));
    // What refines the answers, and what is shown below their headings.
    return { dialog: Promise.all(dialog), engine, rest: engine.then(() => script("rest.js")) };
  }

  async function open(query) {
    loading ??= load();
    await loading.dialog;
    handbookSearch.open(loading, query);
  }

  function isTyping({ target }) {
    return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  document.addEventListener("keydown", (event) => {
    const modified = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    const slash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((modified && event.code === "KeyK") || (slash && !isTyping(event))) {
      event.preventDefault();
      open();
    }
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-search-open]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });

  // Without a query the page of the search waits: the index is as large as several pages.
  const now = document.querySelector("[data-search-now]");
  const query = now?.dataset.searchNow || new URLSearchParams(location.search).get("q");
  if (now && query) open(query);
})();
