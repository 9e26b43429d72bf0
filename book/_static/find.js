// Filters the lists of book/find while one types. A line stays when it has every word; where none
// has them all, the nearest lines stay, so that a whole line of a log can be pasted. The best match
// comes first, with its chapter.
(() => {
  const field = document.getElementById("find-field");
  const count = document.querySelector(".find-count");
  const groups = [...document.querySelectorAll(".find-group")].map((node, place) => ({ node, place }));
  const counted = count.textContent;
  const PARTICLE = /(?<=[가-힣])(을|를|이|가|은|는|에|의|로|와|과|도|에서|으로|까지|부터)$/;

  const fold = (text) => text.normalize("NFKC").toLowerCase().replace(/[\s`'"‘’“”]+/g, " ");
  const lines = [...document.querySelectorAll(".find-list > li")].map((node, place) => {
    const message = node.querySelector(".find-message");
    return {
      node,
      message,
      place,
      link: node.querySelector("a"),
      shown: fold(node.querySelector("p").textContent),
      hidden: fold(message ? message.textContent : ""),
    };
  });

  function wordsOf(text) {
    const parts = fold(text).split(/[\s()[\]{}<>,;=]+/);
    return [...new Set(parts.map((part) => part.replace(/[.:!?]+$/, "")).filter(Boolean))];
  }

  // Where a word is found: as it was typed, else without its Korean particle. Rare words weigh more.
  function look(word) {
    const find = (text) => lines.filter((l) => l.shown.includes(text) || l.hidden.includes(text));
    let found = find(word);
    if (!found.length) found = find((word = word.replace(PARTICLE, "")));
    return { word, found: new Set(found), weight: Math.log(1 + lines.length / found.length) };
  }

  // Messages are pasted: the best match first, in its chapter, in its part. Tasks keep their order.
  // Without words all are equal, and stand as they were written.
  const ranked = lines.some((line) => line.message);
  function order() {
    for (const group of groups) {
      const own = lines.filter((line) => group.node.contains(line.node));
      group.score = Math.max(...own.map((line) => line.score));
    }
    const best = (one, other) => other.score - one.score || one.place - other.place;
    for (const siblings of [groups, lines]) {
      for (const { node } of [...siblings].sort(best)) node.parentElement.append(node);
    }
    const follows = Node.DOCUMENT_POSITION_FOLLOWING;
    lines.sort(({ node }, other) => (node.compareDocumentPosition(other.node) & follows ? -1 : 1));
  }

  function filter() {
    const words = wordsOf(field.value).map(look);
    const known = words.filter((word) => word.found.size);
    for (const line of lines) {
      line.score = known.reduce((sum, word) => sum + (word.found.has(line) ? word.weight : 0), 0);
    }
    if (ranked) order();
    const best = Math.max(...lines.map((line) => line.score));
    const complete = lines.some((line) => known.every((word) => word.found.has(line)));
    const needed = complete ? best - 1e-9 : best * 0.85;
    let left = 0;
    lines.forEach((line) => {
      line.node.hidden = words.length > 0 && (best === 0 || line.score < needed);
      left += !line.node.hidden;
      if (!line.message) return;
      const told = known.some((w) => line.hidden.includes(w.word) && !line.shown.includes(w.word));
      line.message.hidden = line.node.hidden || !told;
    });
    for (const { node } of groups) node.hidden = !node.querySelector("li:not([hidden])");
    if (!words.length) count.textContent = counted;
    else if (!left) count.textContent = "맞는 줄이 없다. 낱말을 줄여 본다.";
    else if (complete && known.length === words.length) {
      count.textContent = `${counted} 가운데 ${left}개`;
    } else count.textContent = `모두 맞는 줄은 없다. 가장 가까운 ${left}개`;
  }

  // Arrow keys walk from the field through the lines that are left, Enter opens the first of them.
  function walk(event) {
    const links = lines.filter((line) => !line.node.hidden && line.link).map((line) => line.link);
    const at = links.indexOf(document.activeElement);
    const inField = event.target === field;
    if (event.isComposing || (!inField && at < 0)) return;
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1 };
    if (event.key in steps) {
      event.preventDefault();
      (links[steps[event.key]] || (event.key === "ArrowUp" ? field : links[at]))?.focus();
    } else if (event.key === "Escape") {
      field.value = inField ? "" : field.value;
      field.focus();
      filter();
    } else if (event.key === "Enter" && inField && field.value.trim()) {
      links[0]?.click();
    }
  }

  field.value = new URLSearchParams(location.search).get("find") || field.value;
  field.addEventListener("input", filter);
  document.addEventListener("keydown", walk);
  filter();
})();
