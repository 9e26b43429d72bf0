/* The dialog of the search: a field, the results while typing, everything by keyboard. */
(() => {
  "use strict";

  const LIMIT = 8;
  const WARM = 12; // queries answered before the first one that is typed
  const SLICE = 8; // milliseconds of reading the index between two chances for the page to react

  const dialog = document.createElement("dialog");
  dialog.className = "search-dialog";
  dialog.setAttribute("aria-label", "검색");
  dialog.innerHTML = `
    <div class="search-field">
      <input type="search" role="combobox" aria-label="책에서 찾을 말" aria-autocomplete="list"
        aria-expanded="false" aria-controls="search-results" autocomplete="off" autocapitalize="off"
        spellcheck="false" enterkeyhint="go" placeholder="낱말, 질문, 오류 메시지">
      <button type="button" class="search-close" aria-label="Esc 검색 닫기">Esc</button>
    </div>
    <div id="search-results" role="listbox" aria-label="찾은 곳"></div>
    <p class="search-status" role="status"></p>
    <p class="search-keys" aria-hidden="true"><kbd>↑</kbd> <kbd>↓</kbd> 고르기
      <kbd>Enter</kbd> 열기 <kbd>Esc</kbd> 닫기</p>`;
  document.body.append(dialog);

  const input = dialog.querySelector("input");
  const close = dialog.querySelector("button");
  const list = dialog.querySelector("[role=listbox]");
  const status = dialog.querySelector("[role=status]");
  let engine;
  let started = false;
  let shown = []; // results
  let selected = -1;

  /** `loading` has a promise each of what answers and of the rest. */
  function open(loading, query) {
    if (!dialog.open) dialog.showModal();
    if (query !== undefined) input.value = query;
    input.focus();
    input.select();
    if (engine) return;
    status.textContent = "색인을 읽는 중이다.";
    const failed = () => (status.textContent = "색인을 읽지 못했다. 페이지를 새로 고친다.");
    loading.engine.then(() => read(loading.rest), failed);
  }

  function read(rest) {
    if (started) return;
    started = true;
    const reader = new handbookSearch.Engine(handbookSearch.index);
    run(reading(reader), () => {
      engine = reader;
      show();
      rest.then(() => run(reader.readingRest(handbookSearch.rest), complete));
    });
  }

  /** Runs steps between which the page can react. */
  function run(steps, done) {
    const until = performance.now() + SLICE;
    while (performance.now() < until) if (steps.next().done) return done();
    setTimeout(() => run(steps, done));
  }

  /** Answers anew what is asked, unless a result has been chosen: that one stays where it is. */
  function complete() {
    if (selected < 1) show();
    else shown.forEach((result, number) => addContext(list.children[number], result, engine));
    dialog.dataset.complete = "";
  }

  /** Steps until the first key can be answered as fast as any: code that has run is compiled. */
  function* reading(reader) {
    yield* reader.reading();
    for (const { heading } of reader.sections.slice(0, WARM)) {
      for (const result of reader.search(heading, LIMIT)) {
        option(result, 0, reader);
        yield;
      }
    }
  }

  function show() {
    if (!engine) return;
    const query = input.value.trim();
    const found = query ? engine.search(input.value, LIMIT) : [];
    const missing = query && handbookSearch.isMissing(found);
    const results = (shown = missing ? found.slice(0, handbookSearch.NEAREST) : found);
    list.scrollTop = 0; // before the change, or it would cost a layout of its own
    list.replaceChildren(...results.map((result, number) => option(result, number, engine)));
    input.setAttribute("aria-expanded", String(results.length > 0));
    select(results.length ? 0 : -1);
    if (!query) status.textContent = "낱말 몇 개면 된다. 오류 메시지는 그대로 붙여 넣는다.";
    else if (missing) status.replaceChildren(...nothing(query, results.length));
    else status.textContent = `${results.length}곳을 찾았다.`;
  }

  /** What is said where the book has no answer: what stands above, and where else to ask. */
  function nothing(query, count) {
    const near = count ? `가장 가까운 ${count}곳이다.` : "낱말을 줄이거나 API 이름으로 찾는다.";
    const ask = Object.entries(handbookSearch.index.ask).flatMap(([text, address]) => {
      const link = element("a", "", text);
      link.href = address + encodeURIComponent(query);
      return [" ", link];
    });
    return [`책에서 꼭 맞는 답을 찾지 못했다. ${near}`, ...ask];
  }

  function option(result, number, engine) {
    const { section } = result;
    const link = element("a", "search-result");
    link.id = `search-result-${number}`;
    link.href = handbookSearch.root + section.address;
    link.tabIndex = -1;
    link.setAttribute("role", "option");
    const place = [section.page.part, section.anchor && section.page.title].filter(Boolean);
    const heading = element("span", "search-heading");
    heading.append(...marked(section.heading, engine.marks(section.heading, result)));
    link.append(heading);
    if (place.length) link.append(element("span", "search-place", place.join(" › ")));
    addContext(link, result, engine);
    return link;
  }

  function addContext(link, result, engine) {
    const context = contextOf(result, engine);
    link.querySelector(".search-context")?.remove();
    if (context) link.append(context);
  }

  /** The prose and the error message, first what answers more, then words of the rest. */
  function contextOf(result, engine) {
    const { section } = result;
    const texts = [section.text, ...section.messages]
      .map((text) => ({ text, marks: engine.marks(text, result) }))
      .filter(({ text, marks }, place) => text && (place === 0 || marks.length))
      .sort((a, b) => b.marks.length - a.marks.length)
      .slice(0, 2);
    const context = element("span", "search-context");
    texts.forEach(({ text, marks }, place) => {
      context.append(place ? " … " : "", ...marked(text, marks));
    });
    const shown = [section.heading, ...texts.map(({ text }) => text)];
    for (const word of engine.unseen(shown, result)) context.append(" … ", element("mark", "", word));
    return context.childNodes.length ? context : null;
  }

  /** A text with its marks, as nodes. */
  function marked(text, marks) {
    const nodes = [];
    let at = 0;
    for (const [start, end] of marks) {
      if (start < at) continue;
      nodes.push(text.slice(at, start), element("mark", "", text.slice(start, end)));
      at = end;
    }
    return [...nodes, text.slice(at)];
  }

  function element(tag, name, text) {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text) node.textContent = text;
    return node;
  }

  function select(number) {
    selected = number;
    const chosen = list.children[number];
    if (!chosen) {
      input.removeAttribute("aria-activedescendant");
      return undefined;
    }
    for (const other of list.children) other.setAttribute("aria-selected", String(other === chosen));
    input.setAttribute("aria-activedescendant", chosen.id);
    return chosen;
  }

  function focusNext(step) {
    const stops = [input, close, ...status.querySelectorAll("a")];
    const place = stops.indexOf(document.activeElement);
    stops[(place + step + stops.length) % stops.length].focus();
  }

  dialog.addEventListener("keydown", (event) => {
    const count = list.children.length;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.isComposing) return;
    if (event.key in moves && count)
      select((selected + moves[event.key] + count) % count).scrollIntoView({ block: "nearest" });
    else if (event.key === "Enter" && event.target === input) list.children[selected]?.click();
    else if (event.key === "Tab") focusNext(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  });
  input.addEventListener("input", show);
  list.addEventListener("click", (event) => {
    if (event.target.closest("a") && !event.ctrlKey && !event.metaKey) dialog.close();
  });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // outside of what the dialog holds
  });

  handbookSearch.open = open;
})();
