/* Finds the sections of the book that answer a query. Knows nothing of the page it runs in. */
(() => {
  "use strict";

  const { Analyser, ONE_SYLLABLE, stop, tokens } = handbookSearch;

  const WEIGHTS = { heading: 6, message: 3, text: 2, title: 1.5, word: 1 };
  const SATURATION = 3; // the weight at which a word counts half
  // How much a match counts that is not the word itself.
  const LIKE = { verb: 0.85, synonym: 0.8, prefix: 0.7, inside: 0.6, typo: 0.6, part: 0.35 };
  const PHRASE = 3; // words in the longest name of the glossary
  const CANDIDATES = 40; // words that one typed beginning may stand for

  class Engine {
    constructor(index) {
      this.index = index;
      this.sections = sectionsOf(index);
      this.postings = new Map(); // word -> {sections: [], weights: []}
      this.analyser = new Analyser(nounsOf(index));
      this.synonyms = this.readSynonyms(index.synonyms);
      this.readSections();
      this.readWords(index.words);
      this.vocabulary = [...this.postings.keys()].filter((word) => !/^[~@]/.test(word));
      this.spelled = `\n${this.vocabulary.join("\n")}\n`;
      this.expansions = new Map();
    }

    readSynonyms(groups) {
      const synonyms = new Map();
      const add = (key, group) => {
        if (!synonyms.has(key)) synonyms.set(key, new Set());
        synonyms.get(key).add(`@${group}`);
      };
      groups.forEach((words, group) => {
        for (const name of words) {
          const found = tokens(name).map(({ text }) => this.analyser.analyse(text));
          add(found.map(({ word }) => word).join(" "), group);
          if (found.length === 1 && found[0].verb.length > 2) add(found[0].verb, group);
        }
      });
      return synonyms;
    }

    readSections() {
      this.sections.forEach((section, number) => {
        this.readText(section.heading, number, WEIGHTS.heading);
        this.readText(section.messages.join("\n"), number, WEIGHTS.message);
        this.readText(section.text, number, WEIGHTS.text);
        if (section.anchor) this.readText(section.page.title, number, WEIGHTS.title);
      });
    }

    readText(text, number, weight) {
      const words = tokens(text).map((token) => this.analyser.analyse(token.text));
      words.forEach((found, place) => {
        for (const term of this.termsOf(found)) this.add(term, number, weight);
        for (const { group } of this.namesAt(words, place)) this.add(group, number, weight);
      });
    }

    readWords(lines) {
      for (const line of lines.split("\n")) {
        const end = line.indexOf("\t");
        const found = this.analyser.analyse(line.slice(0, end));
        const terms = this.termsOf(found);
        for (const { group } of this.namesAt([found], 0)) terms.push(group);
        for (const number of decode(line.slice(end + 1)))
          for (const term of terms) this.add(term, number, WEIGHTS.word);
      }
    }

    termsOf({ word, verb, parts }) {
      return verb && verb.slice(1) !== word ? [word, verb] : verb ? [word, verb] : [word, ...parts];
    }

    /** Names of the glossary that start at this word, the longest first. */
    namesAt(words, place) {
      const found = [];
      for (let length = Math.min(PHRASE, words.length - place); length > 0; length -= 1) {
        const key = words.slice(place, place + length).map(({ word }) => word).join(" ");
        for (const group of this.synonyms.get(key) ?? []) found.push({ group, length });
      }
      for (const group of this.synonyms.get(words[place].verb) ?? [])
        if (!found.some((name) => name.group === group)) found.push({ group, length: 1 });
      return found;
    }

    add(term, number, weight) {
      let posting = this.postings.get(term);
      if (!posting) this.postings.set(term, (posting = { sections: [], weights: [] }));
      const last = posting.sections.length - 1;
      if (posting.sections[last] === number) posting.weights[last] += weight;
      else {
        posting.sections.push(number);
        posting.weights.push(weight);
      }
    }

    rarity(term) {
      const count = this.postings.get(term).sections.length;
      return Math.log(1 + (this.sections.length - count + 0.5) / (count + 0.5));
    }

    /** The best `limit` sections, best first: `{section, score, terms}`. */
    search(query, limit = 10) {
      const units = this.unitsOf(query);
      const scores = new Float64Array(this.sections.length);
      const covered = new Float64Array(this.sections.length);
      let total = 0;
      for (const unit of units) {
        const best = new Map();
        for (const [term, like] of unit.terms) {
          const { sections, weights } = this.postings.get(term);
          sections.forEach((number, place) => {
            const value = (like * weights[place]) / (weights[place] + SATURATION);
            if (value > (best.get(number) ?? 0)) best.set(number, value);
          });
        }
        total += unit.weight;
        for (const [number, value] of best) {
          scores[number] += unit.weight * value;
          covered[number] += unit.weight * Math.min(1, value * 2);
        }
      }
      const found = [];
      scores.forEach((score, number) => {
        if (score > 0) found.push([number, score * (covered[number] / total)]);
      });
      const terms = new Set(units.flatMap((unit) => [...unit.terms.keys()]));
      return found
        .sort(([a, x], [b, y]) => y - x || a - b)
        .slice(0, limit)
        .map(([number, score]) => ({ section: this.sections[number], score, terms }));
    }

    /** What the query asks for: each unit is a word with everything that counts as a match of it. */
    unitsOf(query) {
      const typed = tokens(query.normalize("NFC"));
      const ends = typed.length ? typed.at(-1).at + typed.at(-1).text.length : 0;
      const words = typed.map(({ text }) => this.analyser.analyse(text));
      const groups = words.map(() => new Set());
      words.forEach((_, place) => {
        for (const { group, length } of this.namesAt(words, place))
          for (let i = 0; i < length; i += 1) groups[place + i].add(group);
      });
      const units = new Map();
      words.forEach((found, place) => {
        const { text } = typed[place];
        if (stop.has(text.toLowerCase()) && words.length > 1) return;
        const open = place === words.length - 1 && ends === query.length;
        for (const unit of this.unitsOfWord(found, groups[place], open))
          if (!units.has(unit.key)) units.set(unit.key, unit);
      });
      return [...units.values()];
    }

    unitsOfWord(found, groups, open) {
      const { word, verb, parts, korean } = found;
      const terms = new Map();
      const put = (term, like) => {
        if (this.postings.has(term) && like > (terms.get(term) ?? 0)) terms.set(term, like);
      };
      put(word, 1);
      if (verb) put(verb, LIKE.verb);
      for (const group of groups) put(group, LIKE.synonym);
      const known = this.postings.has(word);
      if (open || !known || korean)
        for (const [term, like] of this.expand(word, korean, open, terms.size > 0)) put(term, like);
      const units = [];
      if (terms.size) {
        const weight = Math.max(...[...terms].map(([term, like]) => like * this.rarity(term)));
        units.push({ key: word, terms, weight });
      }
      const pieces = known ? [] : korean ? this.split(word) : [];
      for (const piece of [...pieces, ...parts]) {
        if (!this.postings.has(piece)) continue;
        const share = terms.size ? LIKE.part : 0.8;
        units.push({ key: piece, terms: new Map([[piece, 1]]), weight: share * this.rarity(piece) });
      }
      return units;
    }

    /** Words of the book that begin with this one, contain it, or are spelled nearly like it. */
    expand(word, korean, open, known) {
      const key = `${word} ${open} ${known}`;
      if (!this.expansions.has(key)) {
        const found = new Map();
        if (open || !known) this.collect(`\n${word}`, LIKE.prefix, found);
        if (korean && word.length > 1) this.collect(word, LIKE.inside, found);
        if (!known && !found.size) this.collectTypos(word, found);
        this.expansions.set(key, found);
      }
      return this.expansions.get(key);
    }

    collect(pattern, like, found) {
      let at = this.spelled.indexOf(pattern);
      for (let count = 0; at >= 0 && count < CANDIDATES; count += 1) {
        const start = this.spelled.lastIndexOf("\n", at + (pattern[0] === "\n" ? 0 : -0)) + 1;
        const end = this.spelled.indexOf("\n", start);
        const word = this.spelled.slice(start, end);
        if (!found.has(word)) found.set(word, like);
        at = this.spelled.indexOf(pattern, end);
      }
    }

    collectTypos(word, found) {
      const allowed = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
      if (!allowed) return;
      for (const other of this.vocabulary)
        if (Math.abs(other.length - word.length) <= allowed && distance(word, other, allowed) <= allowed)
          found.set(other, LIKE.typo);
    }

    /** A compound taken apart into the longest words the book knows: 모델레지스트리 -> 모델, 레지스트리. */
    split(word) {
      const pieces = [];
      for (let start = 0; start < word.length; ) {
        let end = word.length;
        while (end - start > 1 && !this.postings.has(word.slice(start, end))) end -= 1;
        if (end - start > 1) pieces.push(word.slice(start, end));
        start = end;
      }
      return pieces;
    }
  }

  function sectionsOf(index) {
    const sections = [];
    for (const [address, part, count] of index.pages) {
      const page = { address, part, title: index.headings[sections.length] };
      for (let i = 0; i < count; i += 1) {
        const n = sections.length;
        const anchor = index.anchors[n];
        sections.push({
          page,
          anchor,
          address: anchor ? `${address}#${anchor}` : address,
          heading: index.headings[n],
          text: index.texts[n],
          messages: index.messages[n] ? index.messages[n].split("\n") : [],
        });
      }
    }
    return sections;
  }

  /** Words of one syllable that stand alone in the book: 런, 값, 키. They keep no particle. */
  function nounsOf(index) {
    const texts = [...index.headings, ...index.texts].join(" ");
    const alone = texts.match(/(?<![가-힣A-Za-z0-9_`)])[가-힣](?![가-힣])/g) ?? [];
    return new Set(alone.filter((word) => !ONE_SYLLABLE.has(word)));
  }

  /** Numbers of sections from the characters that stand for their distances. */
  function* decode(steps) {
    let number = -1;
    for (const character of steps) {
      let code = character.codePointAt(0);
      if (code >= 0xa1) code -= 0x22;
      if (code > 0x5c) code -= 1;
      number += code - 0x22;
      yield number;
    }
  }

  /** Typing errors between two words (Damerau-Levenshtein), given up beyond `most`. */
  function distance(a, b, most) {
    let before = [];
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i += 1) {
      const next = [i];
      for (let j = 1; j <= b.length; j += 1) {
        const same = a[i - 1] === b[j - 1] ? 0 : 1;
        next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
          next[j] = Math.min(next[j], before[j - 2] + 1);
      }
      if (Math.min(...next) > most) return most + 1;
      [before, row] = [row, next];
    }
    return row[b.length];
  }

  handbookSearch.Engine = Engine;
})();
