// Filters the lists of book/find while one types. A line stays when it has every word; where none
// has them all, the nearest lines stay, so that a whole line of a log can be pasted.
(() => {
  const field = document.getElementById("find-field");
  const count = document.querySelector(".find-count");
  const groups = [...document.querySelectorAll(".find-group")];
  const counted = count.textContent;
  const PARTICLE = /(?<=[가-힣])(을|를|이|가|은|는|에|의|로|와|과|도|에서|으로|까지|부터)$/;

  const fold = (text) => text.normalize("NFKC").toLowerCase().replace(/[\s`'"‘’“”]+/g, " ");
  const lines = [...document.querySelectorAll(".find-list > li")].map((node) => {
    const message = node.querySelector(".find-message");
    return {
      node,
      message,
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

  function filter() {
    const words = wordsOf(field.value).map(look);
    const known = words.filter((word) => word.found.size);
    const scores = lines.map((line) =>
      known.reduce((sum, word) => sum + (word.found.has(line) ? word.weight : 0), 0),
    );
    const best = Math.max(...scores);
    const complete = lines.some((line) => known.every((word) => word.found.has(line)));
    const needed = complete ? best - 1e-9 : best * 0.85;
    let left = 0;
    lines.forEach((line, at) => {
      line.node.hidden = words.length > 0 && (best === 0 || scores[at] < needed);
      left += !line.node.hidden;
      if (!line.message) return;
      const told = known.some((w) => line.hidden.includes(w.word) && !line.shown.includes(w.word));
      line.message.hidden = line.node.hidden || !told;
    });
    for (const group of groups) {
      group.hidden = !group.querySelector(".find-list > li:not([hidden])");
    }
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
